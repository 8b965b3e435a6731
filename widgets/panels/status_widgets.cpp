#include "widgets/panels/status_widgets.h"

#include "core/support/units.h"
#include "widgets/jobs/job_list_model.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/results_text.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QTimer>
#include <QToolButton>

#include <cmath>

namespace halfstep {

JobIndicator::JobIndicator(JobRunner& runner, QWidget* parent)
    : QWidget(parent)
    , m_runner(runner)
    , m_title(new QLabel(this))
    , m_bar(new QProgressBar(this))
    , m_left(new QLabel(this))
    , m_pause(new QToolButton(this))
    , m_cancel(new QToolButton(this)) {
  setObjectName(QStringLiteral("job_indicator"));
  m_bar->setRange(0, 1000);
  m_bar->setTextVisible(false);
  m_bar->setFixedWidth(140);
  m_bar->setAccessibleName(tr("Progress"));
  m_pause->setAutoRaise(true);
  m_pause->setObjectName(QStringLiteral("pause_running_job"));
  m_cancel->setText(tr("Cancel"));
  m_cancel->setAutoRaise(true);
  m_cancel->setObjectName(QStringLiteral("cancel_running_job"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(kSpace, 0, 0, 0);
  layout->addWidget(m_title);
  layout->addWidget(m_bar);
  layout->addWidget(m_left);
  layout->addWidget(m_pause);
  layout->addWidget(m_cancel);
  connect(m_pause, &QToolButton::clicked, this, [this] { m_runner.setPaused(m_shown, !m_paused); });
  connect(m_cancel, &QToolButton::clicked, this, [this] { m_runner.cancel(m_shown); });
  connect(&m_runner, &JobRunner::jobsChanged, this, &JobIndicator::update);
  update();
}

void JobIndicator::update() {
  constexpr double kTellAfter = 0.2;
  const std::vector<JobStatus> jobs = m_runner.jobs();
  const auto found = std::find_if(jobs.begin(), jobs.end(), [](const JobStatus& job) {
    return job.state == JobStatus::State::paused ||
           (job.state == JobStatus::State::running && job.seconds > kTellAfter);
  });
  const bool any = found != jobs.end();
  for (QWidget* part : std::initializer_list<QWidget*>{m_title, m_bar, m_left, m_cancel}) {
    part->setVisible(any);
  }
  m_pause->setVisible(any && found->lane == Lane::sweep);
  if (any) {
    m_paused = found->state == JobStatus::State::paused;
    m_pause->setText(m_paused ? tr("Resume") : tr("Pause"));
    m_shown = found->id;
    m_title->setText(found->title);
    m_bar->setValue(static_cast<int>(found->fraction * 1000.0));
    m_left->setText(m_paused ? tr("paused") : remainingTimeText(found->secondsLeft));
  }
}

TotalsLabel::TotalsLabel(Document& document, NetworkAnalysis& analysis, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_analysis(analysis)
    , m_text(new QLabel(this)) {
  setObjectName(QStringLiteral("plan_totals"));
  m_text->setObjectName(QStringLiteral("plan_totals_text"));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, kSpace, 0);
  layout->addWidget(m_text);
  // Thousands of layers report one by one; the sum is wanted once.
  auto* soon = new QTimer(this);
  soon->setSingleShot(true);
  soon->setInterval(30);
  connect(soon, &QTimer::timeout, this, &TotalsLabel::update);
  const auto later = [soon] {
    if (!soon->isActive()) {
      soon->start();
    }
  };
  connect(&m_document, &Document::modelChanged, this, later);
  connect(&m_document, &Document::plansChanged, this, later);
  connect(&m_document, &Document::summariesChanged, this, later);
  connect(&m_analysis, &NetworkAnalysis::errorsChanged, this, later);
  connect(&m_analysis, &NetworkAnalysis::errorsAged, this, later);
  connect(&m_analysis, &NetworkAnalysis::latencyChanged, this, later);
}

QString TotalsLabel::latencyText(QString& tip) {
  if (m_latency.latency() != m_analysis.wholeLatency()) {
    m_latency.setLatency(m_analysis.wholeLatency());
  }
  std::vector<LayerPlan> plans;
  for (int layer = 0; m_latency.latency() && layer < m_document.layerCount(); ++layer) {
    plans.push_back(m_document.layerPlan(layer));
  }
  const LatencyStack stack = m_latency.stack(plans);
  if (!(stack.total() > 0.0)) {
    return {};
  }
  tip +=
      '\n' + tr("Latency: %1. The layers' times as this plan has them, measured one by one on this computer\n"
                "(Latency page) and added up; not a run of the whole network.")
                 .arg(stack.label);
  return tr("latency %1").arg(timeText(stack.total()));
}

void TotalsLabel::update() {
  QString text = totalsText(m_document.totals());
  QString tip = tr("The whole file before and after, and the signal to noise ratio of all weights together.\n"
                   "A weight error; what the network's output loses has to be measured on data.");
  const QString gap = QStringLiteral("    ");
  if (const auto& errors = m_analysis.errors();
      errors && errors->evaluation && !errors->evaluation->samples.empty()) {
    const Evaluation& evaluation = *errors->evaluation;
    text += gap + metricTitle(evaluation.standard) + ' ' +
            cellText(metricOf(evaluation.standard, evaluation.samples));
    if (const double same = metricOf(OutputMetric::top1, evaluation.samples); !std::isnan(same)) {
      text += gap + tr("top-1 agreement %1").arg(QString::fromStdString(formatShare(same)));
    }
    if (m_analysis.errorsAreOld()) {
      text += tr(" (before the last edit)");
    }
  }
  if (const QString latency = latencyText(tip); !latency.isEmpty()) {
    text += gap + latency;
  }
  m_text->setText(text);
  m_text->setToolTip(tip);
}

} // namespace halfstep
