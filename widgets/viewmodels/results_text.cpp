#include "widgets/viewmodels/results_text.h"

#include "core/support/units.h"
#include "widgets/viewmodels/layers_model.h"

#include <cmath>
#include <functional>

namespace halfstep {

namespace {

QString fromUtf8(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

QString decibel(double value) {
  return fromUtf8(formatReal(value)) + QStringLiteral("\u202fdB");
}

/// Sizes follow from the scheme alone.
bool isExactAlways(const QString& figure) {
  return figure == QLatin1String("bits") || figure == QLatin1String("bytes");
}

struct Definition {
  const char* name;
  QString label;
  QString explanation;
  QString plainLabel;
  std::function<double(const LayerSummary&)> number;
  std::function<QString(double)> print;
};

std::vector<Definition> definitions(std::int64_t originalBytes) {
  const auto tr = [](const char* source) { return QObject::tr(source); };
  const auto real = [](double value) { return fromUtf8(formatReal(value)); };
  return {
      {"sqnr", tr("SQNR"),
       tr("Signal to quantization noise ratio of the weights: 10·log₁₀(Σx² / Σ(x−x̂)²).\n6 dB is one bit."),
       tr("SQNR, dB"), [](const LayerSummary& s) { return s.errors.sqnrDb(); }, decibel},
      {"mse", tr("MSE"), tr("Mean squared error of the weights, (1/n)·Σ(x−x̂)²."), tr("MSE"),
       [](const LayerSummary& s) { return s.errors.mse(); }, real},
      {"mse_rounding", tr("  of it rounding"),
       tr("The part of the MSE from weights inside the clipping range: each is at most half a step off."),
       tr("MSE, rounding"), [](const LayerSummary& s) { return s.errors.mseRounding(); }, real},
      {"mse_clipping", tr("  of it clipping"),
       tr("The part of the MSE from weights beyond the clipping range, which all land on its end."),
       tr("MSE, clipping"), [](const LayerSummary& s) { return s.errors.mseClipping(); }, real},
      {"max_error", tr("Largest error"), tr("The largest |x−x̂| of any weight."), tr("Largest error"),
       [](const LayerSummary& s) { return s.errors.maxError; }, real},
      {"mean_error", tr("Mean error"), tr("The mean of x̂−x: a bias that shifts the layer's output."),
       tr("Mean error"), [](const LayerSummary& s) { return s.errors.meanError(); }, real},
      {"cosine", tr("Cosine"), tr("Cosine of the angle between original and dequantized weights."),
       tr("Cosine"), [](const LayerSummary& s) { return s.errors.cosine(); },
       [](double value) { return fromUtf8(formatReal(value, 5)); }},
      {"clipped", tr("Clipped"), tr("The share of weights whose code was saturated."), tr("Clipped, share"),
       [](const LayerSummary& s) { return s.errors.clippedShare(); },
       [](double value) { return fromUtf8(formatShare(value)); }},
      {"bits", tr("Bits per weight"),
       tr("All bytes of the layer, scales and zero points counted, over its weights."), tr("Bits per weight"),
       [](const LayerSummary& s) { return s.bitsPerWeight; }, real},
      {"bytes", tr("Size"),
       tr("Codes, scales (float32) and zero points; the original is %1.")
           .arg(fromUtf8(formatBytes(originalBytes))),
       tr("Size, bytes"), [](const LayerSummary& s) { return static_cast<double>(s.bytes); },
       [](double value) { return fromUtf8(formatBytes(static_cast<std::int64_t>(value))); }},
  };
}

} // namespace

std::vector<FigureRow> figureRows(const LayerSummary* current, const LayerSummary* previous,
                                  const LayerSummary* pinned, std::int64_t originalBytes) {
  std::vector<FigureRow> rows;
  for (const Definition& definition : definitions(originalBytes)) {
    FigureRow row{QString::fromLatin1(definition.name),
                  definition.label,
                  QStringLiteral("…"),
                  {},
                  {},
                  definition.explanation,
                  std::nullopt,
                  definition.plainLabel,
                  std::nullopt,
                  std::nullopt};
    if (current != nullptr) {
      row.number = definition.number(*current);
      row.value = (current->estimated && !isExactAlways(row.name) ? QStringLiteral("≈ ") : QString()) +
                  definition.print(*row.number);
      if (row.name == QLatin1String("sqnr") && !std::isnan(current->errors.sqnrDb())) {
        row.judgement = sqnrJudgement(current->errors.sqnrDb());
      }
    }
    if (previous != nullptr) {
      const QString before = definition.print(definition.number(*previous));
      row.was = before == row.value ? QString() : QObject::tr("was %1").arg(before);
    }
    if (pinned != nullptr) {
      row.pinned = definition.print(definition.number(*pinned));
    }
    if (const LayerSummary* compared = pinned != nullptr ? pinned : previous; compared != nullptr) {
      row.comparedNumber = definition.number(*compared);
    }
    rows.push_back(std::move(row));
  }
  if (current != nullptr && current->errors.nonFinite > 0) {
    rows.push_back(
        {"non_finite",
         QObject::tr("NaN and ∞"),
         fromUtf8(formatCount(current->errors.nonFinite)),
         {},
         {},
         QObject::tr("Weights that are not finite numbers. They are counted and left out of every figure."),
         -1,
         QObject::tr("NaN and ∞"),
         static_cast<double>(current->errors.nonFinite),
         std::nullopt});
  }
  return rows;
}

QString totalsText(const PlanTotals& totals) {
  if (totals.layers == 0) {
    return {};
  }
  if (totals.layersDone < totals.layers) {
    return QObject::tr("%1 of %2 layers quantized").arg(totals.layersDone).arg(totals.layers);
  }
  const double ratio = totals.bytesAfter > 0
                           ? static_cast<double>(totals.bytesBefore) / static_cast<double>(totals.bytesAfter)
                           : 0.0;
  return QObject::tr("%1 → %2 (%3×)    weight SQNR %4")
      .arg(fromUtf8(formatBytes(totals.bytesBefore)), fromUtf8(formatBytes(totals.bytesAfter)),
           fromUtf8(formatReal(ratio)), decibel(totals.errors.sqnrDb()));
}

} // namespace halfstep
