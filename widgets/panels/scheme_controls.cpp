#include "widgets/panels/scheme_controls.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/panels/real_spin_box.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QStyle>
#include <QVBoxLayout>

#include <algorithm>
#include <optional>

namespace halfstep {

namespace {

constexpr double kLargestBound = 1e30; ///< larger ones are for the text field

QString text(std::string_view utf8) {
  return QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
}

/// The value that all schemes share, by a printer; empty where they differ.
template <class Printer>
QString common(const std::vector<Scheme>& schemes, Printer print) {
  QString value;
  for (const Scheme& scheme : schemes) {
    const QString own = print(scheme);
    if (!value.isNull() && own != value) {
      return QStringLiteral("");
    }
    value = own;
  }
  return value;
}

bool isInteger(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::integer;
}

QString rangeKind(const Scheme& scheme) {
  switch (scheme.range.kind) {
  case RangeRule::Kind::percentile:
    return QStringLiteral("pct");
  case RangeRule::Kind::fixed:
    return QStringLiteral("fixed");
  default:
    return QString::fromStdString(rangeName(scheme.range));
  }
}

} // namespace

SchemeControls::SchemeControls(QWidget* parent)
    : QWidget(parent)
    , m_text(new QLineEdit(this))
    , m_message(new QLabel(this))
    , m_floats(new SegmentedControl(QStringLiteral("format"), tr("Number format"), 5))
    , m_bits(new SegmentedControl(QStringLiteral("bits"), tr("Integer bits"), 8))
    , m_signedness(new SegmentedControl(QStringLiteral("signedness"), tr("Codes"), 2))
    , m_mapping(new SegmentedControl(QStringLiteral("mapping"), tr("Mapping"), 3))
    , m_codeRange(new SegmentedControl(QStringLiteral("code_range"), tr("Code range"), 4))
    , m_granularity(new SegmentedControl(QStringLiteral("granularity"), tr("Granularity"), 3))
    , m_groupSize(new QComboBox)
    , m_range(new SegmentedControl(QStringLiteral("range"), tr("Clipping range"), 6))
    , m_percentile(new RealSpinBox)
    , m_fixed(new QWidget)
    , m_low(new RealSpinBox)
    , m_high(new RealSpinBox)
    , m_rounding(new SegmentedControl(QStringLiteral("rounding"), tr("Rounding"), 5)) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpaceSmall);
  makeControls();
  m_text->setObjectName(QStringLiteral("scheme_text"));
  m_text->setAccessibleName(tr("Scheme as text"));
  m_message->setObjectName(QStringLiteral("scheme_message"));
  m_message->setProperty("role", "quiet");
  m_message->setWordWrap(true);
  m_message->hide();
  m_text->setToolTip(tr("The whole scheme as text: FORMAT[:TOKEN]…, in any order"));
  layout->addWidget(m_text); // the dock's title is its caption
  layout->addWidget(m_message);
  addRow(tr("Number format"), tr("What one stored value is"), m_floats);
  layout->addWidget(m_bits);
  layout->addWidget(m_signedness);
  addRow(tr("Mapping"), tr("How real values map to codes"), m_mapping);
  addRow(tr("Granularity"), tr("How many values share one scale"), m_granularity, m_groupSize);
  addRow(tr("Clipping range"), tr("The interval that the codes cover, and what finds it"), m_range,
         m_percentile);
  layout->addWidget(m_fixed);
  addRow(tr("Code range"), tr("Which codes are used, and so which scale a range gives"), m_codeRange);
  addRow(tr("Rounding"), tr("Which code a value between two codes gets"), m_rounding);
  connectControls();
  setSchemes({});
}

void SchemeControls::addRow(const QString& title, const QString& tooltip, QWidget* control, QWidget* more) {
  auto* caption = new QLabel(title, this);
  caption->setProperty("role", "caption");
  caption->setToolTip(tooltip);
  auto* outer = static_cast<QVBoxLayout*>(layout());
  outer->addWidget(caption);
  auto* row = new QHBoxLayout;
  row->setSpacing(kSpaceSmall);
  row->addWidget(control, 1);
  if (more != nullptr) {
    row->addWidget(more);
  }
  outer->addLayout(row);
}

void SchemeControls::makeControls() {
  std::vector<SegmentedControl::Choice> floats;
  std::vector<SegmentedControl::Choice> bits;
  for (const FormatFacts& facts : allFormats()) {
    if (!facts.implemented) {
      continue;
    }
    if (facts.family != FormatFamily::integer) {
      floats.push_back({text(facts.name).toUpper().replace(QStringLiteral("FP8"), QString()),
                        text(facts.name), text(facts.explanation)});
    } else if (facts.isSigned) {
      bits.push_back({QString::number(facts.bits), QString::number(facts.bits),
                      tr("%1-bit integer codes").arg(facts.bits)});
    }
  }
  m_floats->setChoices(floats);
  m_bits->setChoices(bits);
  m_signedness->setChoices({{tr("Signed codes"), "int", tr("intN: codes around zero")},
                            {tr("Unsigned codes"), "uint",
                             tr("uintN: codes from zero up; symmetric ones have their "
                                "zero point in the middle")}});
  m_mapping->setChoices(
      {{tr("Symmetric"), "sym",
        tr("The zero point is 0: real zero is code zero and the range reaches as far down as up")},
       {tr("Asymmetric"), "asym", tr("The zero point is free: the codes cover exactly smallest to largest")},
       {tr("Power of 2"), "pow2",
        tr("Symmetric with a scale that is a power of two: rescaling is a shift")}});
  m_codeRange->setChoices(
      {{tr("Restricted"), "restricted",
        tr("Codes ±(2ᵇ⁻¹−1), scale A/(2ᵇ⁻¹−1): TensorRT, TensorFlow Lite weights, ONNX Runtime symmetric")},
       {tr("Full"), "full", tr("Codes −2ᵇ⁻¹…2ᵇ⁻¹−1, scale A/2ᵇ⁻¹: the largest positive value clips")},
       {tr("Half-step"), "halfstep", tr("Full codes, scale 2A/(2ᵇ−1): PyTorch observers, GPTQ symmetric")},
       {tr("Absmax"), "absmax",
        tr("Full codes; the extreme value, with its sign, lands on −2ᵇ⁻¹: ggml Q4_0")}});
  m_granularity->setChoices(
      {{tr("Tensor"), "tensor", tr("One scale for the whole weight")},
       {tr("Channel"), "channel", tr("One scale per output channel")},
       {tr("Group"), "group",
        tr("One scale for so many values along a channel; a group never crosses channels")}});
  for (const int size : {16, 32, 64, 128, 256, 512, 1024}) {
    m_groupSize->addItem(QString::number(size), size);
  }
  m_groupSize->setObjectName(QStringLiteral("group_size"));
  m_groupSize->setAccessibleName(tr("Group size"));
  m_groupSize->setToolTip(tr("Values per group"));
  m_range->setChoices(
      {{tr("Min–max"), "minmax", tr("From the smallest to the largest value: nothing is clipped")},
       {tr("Pct"), "pct",
        tr("Clips the share beyond a percentile of |x| (asymmetric: half of it at each end)")},
       {tr("MSE"), "mse", tr("The range with the smallest mean squared error")},
       {tr("KL"), "kl",
        tr("The range with the smallest Kullback–Leibler divergence between the value's distribution and the "
           "quantized one (TensorRT's entropy calibration)")},
       {tr("ACIQ"), "aciq",
        tr("The analytic optimum for a Laplace or Gauss distribution of the same spread")},
       {tr("Fixed"), "fixed", tr("Bounds that you give, here or by dragging the handles")}});
  m_percentile->setObjectName(QStringLiteral("percentile"));
  m_percentile->setAccessibleName(tr("Percentile"));
  m_percentile->setToolTip(tr("The share of |x| that the range covers"));
  m_percentile->setRange(50.1, 100.0);
  m_percentile->setStepType(QAbstractSpinBox::DefaultStepType);
  m_percentile->setSingleStep(0.1);
  m_percentile->setValue(99.9);
  m_percentile->setSuffix(QStringLiteral("\u202f%"));
  auto* fixedRow = new QHBoxLayout(m_fixed);
  fixedRow->setContentsMargins(0, 0, 0, 0);
  for (const auto& [box, name, title] :
       {std::tuple(m_low, "range_low", tr("Low end")), std::tuple(m_high, "range_high", tr("High end"))}) {
    box->setObjectName(QString::fromLatin1(name));
    box->setAccessibleName(title);
    box->setToolTip(title);
    box->setRange(-kLargestBound, kLargestBound);
    fixedRow->addWidget(box, 1);
  }
  m_rounding->setChoices(
      {{tr("Even"), "even", tr("To nearest, halves to the even code: ONNX, PyTorch, NumPy")},
       {tr("Away"), "away", tr("To nearest, halves away from zero: TensorFlow Lite")},
       {tr("Zero"), "zero", tr("Toward zero: truncation")},
       {tr("Up"), "up", tr("Toward +∞")},
       {tr("Random"), "stochastic", tr("Up or down at random, in proportion to the distance (seeded)")}});
}

void SchemeControls::connectControls() {
  connect(m_floats, &SegmentedControl::chosen, this, &SchemeControls::chooseFormat);
  connect(m_bits, &SegmentedControl::chosen, this, [this](const QString& bits) {
    const QString prefix = m_signedness->currentValue() == QLatin1String("uint") ? QStringLiteral("uint")
                                                                                 : QStringLiteral("int");
    chooseFormat(prefix + bits);
  });
  connect(m_signedness, &SegmentedControl::chosen, this, [this](const QString& prefix) {
    const QString bits = m_bits->currentValue();
    chooseFormat(prefix + (bits.isEmpty() ? QStringLiteral("8") : bits));
  });
  connect(m_mapping, &SegmentedControl::chosen, this, [this](const QString& value) {
    change([mapping = parseScheme("int8:" + value.toStdString()).value().mapping](Scheme& scheme) {
      scheme.mapping = mapping;
      scheme.codeRange = defaultCodeRange(mapping);
    });
  });
  connect(m_codeRange, &SegmentedControl::chosen, this, [this](const QString& value) {
    change([codes = parseScheme("int8:" + value.toStdString()).value().codeRange](Scheme& scheme) {
      scheme.codeRange = codes;
    });
  });
  const auto changeGranularity = [this] {
    QString value = m_granularity->currentValue();
    if (value == QLatin1String("group")) {
      value += m_groupSize->currentData().toString();
    }
    change([granularity = parseScheme("int8:" + value.toStdString()).value().granularity](Scheme& scheme) {
      scheme.granularity = granularity;
    });
  };
  connect(m_granularity, &SegmentedControl::chosen, this, changeGranularity);
  connect(m_groupSize, &QComboBox::activated, this, changeGranularity);
  connect(m_range, &SegmentedControl::chosen, this, &SchemeControls::chooseRange);
  connect(m_percentile, &QDoubleSpinBox::valueChanged, this, [this] { chooseRange(QStringLiteral("pct")); });
  connect(m_low, &QDoubleSpinBox::valueChanged, this, &SchemeControls::takeFixedRange);
  connect(m_high, &QDoubleSpinBox::valueChanged, this, &SchemeControls::takeFixedRange);
  connect(m_rounding, &SegmentedControl::chosen, this, [this](const QString& value) {
    change([rounding = parseScheme("int8:" + value.toStdString()).value().rounding](Scheme& scheme) {
      scheme.rounding = rounding;
    });
  });
  connect(m_text, &QLineEdit::returnPressed, this, &SchemeControls::takeText);
  connect(m_text, &QLineEdit::textEdited, this, [this] { m_message->hide(); });
}

void SchemeControls::change(const std::function<void(Scheme&)>& edit) {
  if (!m_updating) {
    emit partChanged([edit](Scheme scheme) {
      edit(scheme);
      return scheme;
    });
  }
}

void SchemeControls::chooseFormat(const QString& value) {
  const auto format = numberFormatFromName(value.toStdString());
  change([format = *format](Scheme& scheme) {
    const bool wasDefault = scheme.mapping == defaultMapping(scheme.format);
    const bool integer = formatFacts(format).family == FormatFamily::integer;
    scheme.format = format;
    if (!integer) { // float formats have no zero point and no code range
      scheme.mapping = Mapping::symmetric;
      scheme.codeRange = CodeRange::restricted;
      scheme.rounding = Rounding::even;
    } else if (wasDefault && scheme.mapping != defaultMapping(format)) {
      scheme.mapping = defaultMapping(format);
      scheme.codeRange = defaultCodeRange(scheme.mapping);
    }
  });
}

void SchemeControls::chooseRange(const QString& value) {
  if (m_updating) {
    return;
  }
  if (value == QLatin1String("fixed")) {
    beginFixedRange();
    return;
  }
  RangeRule rule;
  if (value == QLatin1String("pct")) {
    rule = {RangeRule::Kind::percentile, m_percentile->value(), 0.0, 0.0};
  } else {
    rule = parseScheme("int8:" + value.toStdString()).value().range;
  }
  change([rule](Scheme& scheme) { scheme.range = rule; });
}

void SchemeControls::beginFixedRange() {
  const auto rounded = [](float bound) {
    return QString::number(static_cast<double>(bound), 'g', 5).toDouble();
  };
  const bool known = m_presentRange.lo < m_presentRange.hi;
  m_updating = true;
  m_low->setValue(known ? rounded(m_presentRange.lo) : -1.0);
  m_high->setValue(known ? rounded(m_presentRange.hi) : 1.0);
  m_updating = false;
  takeFixedRange();
}

void SchemeControls::takeFixedRange() {
  const double low = m_low->value();
  const double high = m_high->value();
  if (low < high) {
    change([low, high](Scheme& scheme) { scheme.range = {RangeRule::Kind::fixed, 0.0, low, high}; });
  } else if (!m_updating) {
    say(tr("The low end of a fixed range has to lie below its high end."));
  }
}

void SchemeControls::say(const QString& problem) {
  m_message->setText(problem);
  m_message->setVisible(!problem.isEmpty());
}

void SchemeControls::takeText() {
  const auto scheme = parseScheme(m_text->text().trimmed().toLower().toStdString());
  const auto supported = scheme ? checkSupported(*scheme) : Result<void>(scheme.error());
  say(supported ? QString() : QString::fromStdString(supported.error().what));
  if (!supported) {
    emit rejected(m_message->text());
    return;
  }
  change([wanted = *scheme](Scheme& target) { target = wanted; });
}

void SchemeControls::enableParts(const Scheme& scheme) {
  const bool integer = isInteger(scheme);
  const bool ranged = formatFacts(scheme.format).family != FormatFamily::floating;
  m_signedness->setEnabled(integer);
  m_mapping->setEnabled(ranged);
  m_codeRange->setEnabled(integer);
  m_rounding->setEnabled(integer);
  m_granularity->setEnabled(ranged);
  m_range->setEnabled(ranged);
  m_mapping->button(QStringLiteral("asym"))->setEnabled(integer);
  m_codeRange->button(QStringLiteral("absmax"))->setEnabled(integer && scheme.mapping == Mapping::symmetric);
  m_groupSize->setVisible(scheme.granularity.kind == Granularity::Kind::group);
  m_percentile->setVisible(scheme.range.kind == RangeRule::Kind::percentile);
  m_fixed->setVisible(scheme.range.kind == RangeRule::Kind::fixed);
}

void SchemeControls::setSchemes(const std::vector<Scheme>& schemes) {
  setEnabled(!schemes.empty());
  m_updating = true;
  const QString whole =
      common(schemes, [](const Scheme& s) { return QString::fromStdString(printScheme(s)); });
  if (!m_text->hasFocus() || !whole.isEmpty()) {
    m_text->setText(whole);
  }
  m_text->setPlaceholderText(schemes.size() > 1 ? tr("several schemes") : tr("no layer selected"));
  m_message->hide();
  const Scheme shown = schemes.empty() ? defaultScheme(NumberFormat::int8) : schemes.front();
  m_floats->setCurrentValue(common(schemes, [](const Scheme& s) {
    return isInteger(s) ? QStringLiteral("-") : text(formatFacts(s.format).name);
  }));
  m_bits->setCurrentValue(common(schemes, [](const Scheme& s) {
    return isInteger(s) ? QString::number(formatFacts(s.format).bits) : QStringLiteral("-");
  }));
  m_signedness->setCurrentValue(common(schemes, [](const Scheme& s) {
    return !isInteger(s) ? QStringLiteral("-")
                         : (formatFacts(s.format).isSigned ? QStringLiteral("int") : QStringLiteral("uint"));
  }));
  m_mapping->setCurrentValue(common(schemes, [](const Scheme& s) { return text(mappingName(s.mapping)); }));
  m_codeRange->setCurrentValue(common(schemes, [](const Scheme& s) {
    return isInteger(s) ? text(codeRangeName(s.codeRange)) : QStringLiteral("-");
  }));
  m_granularity->setCurrentValue(common(schemes, [](const Scheme& s) {
    return s.granularity.kind == Granularity::Kind::group
               ? QStringLiteral("group")
               : QString::fromStdString(granularityName(s.granularity));
  }));
  m_rounding->setCurrentValue(
      common(schemes, [](const Scheme& s) { return text(roundingName(s.rounding)); }));
  m_range->setCurrentValue(common(schemes, rangeKind));
  if (const int index = m_groupSize->findData(shown.granularity.groupSize); index >= 0) {
    m_groupSize->setCurrentIndex(index);
  } else if (shown.granularity.kind == Granularity::Kind::group) {
    m_groupSize->addItem(QString::number(shown.granularity.groupSize), shown.granularity.groupSize);
    m_groupSize->setCurrentIndex(m_groupSize->count() - 1);
  }
  if (shown.range.kind == RangeRule::Kind::percentile && !m_percentile->hasFocus()) {
    m_percentile->setValue(shown.range.percentile);
  }
  if (shown.range.kind == RangeRule::Kind::fixed) {
    m_low->setValue(shown.range.lo);
    m_high->setValue(shown.range.hi);
  }
  enableParts(shown);
  m_updating = false;
}

} // namespace halfstep
