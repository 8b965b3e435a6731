#include "plugins/exporters/report/html_sections.h"

#include "core/analysis/simulation.h"
#include "core/io/measured_json.h"
#include "core/support/units.h"
#include "plugins/exporters/report/html_plots.h"
#include "plugins/exporters/report/html_text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr const char* kMeasureOutput = "halfstep-cli report … --data DATA";

std::string count(std::size_t number, const char* one, const char* several) {
  return formatCount(static_cast<std::int64_t>(number)) + " " + (number == 1 ? one : several);
}

/// A row of a table of properties; `value` is HTML.
std::string property(const std::string& name, const std::string& value) {
  return "<tr><th scope=\"row\">" + escaped(name) + "</th><td>" + value + "</td></tr>\n";
}

std::string card(const std::string& name, const std::string& value, const std::string& small) {
  return "<div class=\"card\"><dt>" + escaped(name) + "</dt><dd>" + value +
         (small.empty() ? std::string() : "<small>" + escaped(small) + "</small>") + "</dd></div>\n";
}

std::string averageBits(const ReportContent& content) {
  const double bits = content.weights > 0
                          ? static_cast<double>(content.weightBits) / static_cast<double>(content.weights)
                          : std::nan("");
  return dataElement(bits, formatReal(bits));
}

/// With a space before it; empty for shares and ratios.
std::string unitOf(OutputMetric metric) {
  return metric == OutputMetric::kl ? " nats" : metric == OutputMetric::sqnr ? " dB" : "";
}

/// Cards of what was measured at the output.
std::string outputCards(const ReportContent& content) {
  const Evaluation& evaluation = *content.measured().evaluation;
  std::string text;
  for (const OutputMetric metric :
       {evaluation.standard, OutputMetric::top1, OutputMetric::accuracy, OutputMetric::perplexity}) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, content.seed);
    if (std::isnan(estimate.value)) {
      continue;
    }
    std::string small = std::isnan(estimate.low)
                            ? std::string("one sample: no interval")
                            : "95 %: " + formatReal(estimate.low) + " to " + formatReal(estimate.high);
    if (metric == OutputMetric::accuracy || metric == OutputMetric::perplexity) {
      const Estimate before = estimateOf(metric == OutputMetric::accuracy ? OutputMetric::floatAccuracy
                                                                          : OutputMetric::floatPerplexity,
                                         evaluation.samples, content.seed);
      small += "; in float " + formatReal(before.value);
    }
    text += card(metricTitle(metric),
                 dataElement(estimate.value, formatReal(estimate.value) + unitOf(metric)), small);
  }
  return text;
}

/// Ranges found on the samples that the result is judged on fit them better than they will fit others.
bool isJudgedOnItsCalibration(const ReportContent& content) {
  const MeasuredResults& measured = content.measured();
  return measured.calibration && measured.evaluation &&
         hasStaticActivations(content.model(), content.input->plan) &&
         measured.calibration->origin == measured.evaluation->origin;
}

/// Whatever makes the figures mean less than they seem to.
std::string warnings(const ReportContent& content) {
  std::string text;
  const auto& evaluation = content.measured().evaluation;
  if (!evaluation) {
    text += notMeasured("The effect on the network's output", kMeasureOutput);
  } else {
    if (evaluation->origin.synthetic) {
      text += "<p class=\"warning\"><strong>No real data.</strong> The inputs were drawn at random: figures "
              "of the "
              "output say little about how the network behaves on real ones.</p>\n";
    }
    if (isJudgedOnItsCalibration(content)) {
      text += "<p class=\"warning\"><strong>Judged on its own calibration.</strong> The ranges of "
              "activations were found "
              "on the same samples that the output was measured on; on others the error may be larger. A "
              "calibration of "
              "other samples is given with <code>--calibration FILE.h5</code>.</p>\n";
    }
    if (!evaluation->left.empty()) {
      text += "<p class=\"warning\"><strong>" + count(evaluation->left.size(), "layer stays", "layers stay") +
              " in float</strong> in the measurement:</p>\n<ul>\n";
      for (const auto& [layer, why] : evaluation->left) {
        text += "<li><code>" + escaped(layer) + "</code>: " + escaped(why) + "</li>\n";
      }
      text += "</ul>\n";
    }
  }
  if (content.total.nonFinite > 0) {
    text += "<p class=\"warning\"><strong>" + formatCount(content.total.nonFinite) +
            " weights are NaN or infinite</strong> and take no part in the figures.</p>\n";
  }
  return text;
}

} // namespace

std::string metricTitle(OutputMetric metric) {
  switch (metric) {
  case OutputMetric::kl:
    return "KL divergence";
  case OutputMetric::sqnr:
    return "Output SQNR";
  case OutputMetric::relativeError:
    return "Relative error";
  case OutputMetric::mse:
    return "Output MSE";
  case OutputMetric::cosine:
    return "Cosine";
  case OutputMetric::top1:
    return "Same top-1 as float";
  case OutputMetric::top5:
    return "Float's top-1 in the top 5";
  case OutputMetric::accuracy:
    return "Accuracy, quantized";
  case OutputMetric::floatAccuracy:
    return "Accuracy, float";
  case OutputMetric::perplexity:
    return "Perplexity, quantized";
  case OutputMetric::floatPerplexity:
    return "Perplexity, float";
  }
  return {};
}

std::string summarySection(const ReportContent& content) {
  const Model& model = content.model();
  const double share = model.bytes > 0
                           ? static_cast<double>(content.bytesAfter) / static_cast<double>(model.bytes)
                           : std::nan("");
  std::string text = "<dl class=\"cards\">\n";
  text += card("Size", dataElement(static_cast<double>(content.bytesAfter), formatBytes(content.bytesAfter)),
               formatShare(share) + " of " + formatBytes(model.bytes));
  text += card("Bits per weight", averageBits(content), "over all layers, scales included");
  text += card("Weight SQNR",
               dataElement(content.total.sqnrDb(), formatReal(content.total.sqnrDb()) +
                                                       (std::isfinite(content.total.sqnrDb()) ? " dB" : "")),
               "over all layers; " + formatShare(content.total.clippedShare()) + " clipped");
  if (content.measured().evaluation) {
    text += outputCards(content);
  }
  return section("summary", "Summary", text + "</dl>\n" + warnings(content));
}

std::string modelSection(const ReportContent& content) {
  const Model& model = content.model();
  std::string opsets;
  for (const auto& [domain, version] : model.opsets) {
    opsets += (opsets.empty() ? "" : ", ") + (domain.empty() ? std::string("opset") : escaped(domain)) + " " +
              std::to_string(version);
  }
  const std::string& hash = content.input->plan.modelSha256;
  std::string text = "<table class=\"properties\">\n<tbody>\n";
  text += property("File", "<code>" + escaped(model.name) + "</code>");
  text +=
      property("SHA-256", hash.empty() ? "not known" : "<code class=\"hash\">" + escaped(hash) + "</code>");
  text +=
      property("Format", escaped(model.format) +
                             (model.irVersion > 0 ? ", IR version " + std::to_string(model.irVersion) : "") +
                             (opsets.empty() ? "" : ", " + opsets));
  text += property("Made by", model.producer.empty() ? "not said in the file" : escaped(model.producer));
  text += property("Parameters",
                   dataElement(static_cast<double>(model.parameters), formatCount(model.parameters)));
  text += property("Layers with weights", formatCount(static_cast<std::int64_t>(content.layers.size())) +
                                              ", with " + formatCount(content.weights) + " weights");
  text += "</tbody>\n</table>\n";
  std::int64_t layersBefore = 0;
  std::int64_t layersAfter = 0;
  for (const ReportLayer& layer : content.layers) {
    layersBefore += layer.bytesBefore;
    layersAfter += layer.bytes;
  }
  const auto row = [](const std::string& name, std::int64_t before, std::int64_t after) {
    const double share = before > 0 ? static_cast<double>(after) / static_cast<double>(before) : std::nan("");
    return "<tr><th scope=\"row\">" + name + "</th><td>" +
           dataElement(static_cast<double>(before), formatBytes(before)) + "</td><td>" +
           dataElement(static_cast<double>(after), formatBytes(after)) + "</td><td>" +
           dataElement(share, formatShare(share)) + "</td></tr>\n";
  };
  text += "<table>\n<caption>Before and after</caption>\n<thead><tr><th scope=\"col\">Bytes</th><th "
          "scope=\"col\">Before</th><th scope=\"col\">After</th><th "
          "scope=\"col\">Share</th></tr></thead>\n<tbody>\n" +
          row("Weights of layers", layersBefore, layersAfter) +
          row("Whole file", model.bytes, content.bytesAfter) +
          "</tbody>\n</table>\n<p>After: packed codes, float32 scales and packed zero points in place of the "
          "weights; "
          "what a target's format adds is not counted.</p>\n";
  return section("model", "Model", text);
}

std::string outputSection(const ReportContent& content) {
  const auto& evaluation = content.measured().evaluation;
  if (!evaluation) {
    return section("output", "What happens to the output",
                   notMeasured("The effect on the network's output", kMeasureOutput));
  }
  std::string text =
      "<p>Float and quantized network compared on " + count(evaluation->samples.size(), "sample", "samples") +
      ": " + escaped(evaluation->origin.description) +
      ".</p>\n<table>\n<caption>Figures of the output</caption>\n<thead><tr><th "
      "scope=\"col\">Figure</th><th scope=\"col\">Value</th><th scope=\"col\">95 % interval</th><th "
      "scope=\"col\">Better is</th></tr></thead>\n<tbody>\n";
  bool unanimous = false; // a share of 1 whose interval is 1 to 1
  for (const OutputMetric metric : kOutputMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation->samples, content.seed);
    if (std::isnan(estimate.value)) {
      continue;
    }
    const bool known = !std::isnan(estimate.low);
    const bool isShare = metric == OutputMetric::top1 || metric == OutputMetric::top5 ||
                         metric == OutputMetric::accuracy || metric == OutputMetric::floatAccuracy;
    unanimous = unanimous || (isShare && estimate.value == 1.0 && estimate.low == estimate.high);
    text += "<tr data-metric=\"" + metricKey(metric) + "\"><th scope=\"row\">" + metricTitle(metric) +
            "</th><td>" + dataElement(estimate.value, formatReal(estimate.value) + unitOf(metric)) +
            "</td><td>" +
            (known ? dataElement(estimate.low, formatReal(estimate.low)) + " to " +
                         dataElement(estimate.high, formatReal(estimate.high))
                   : std::string("– (one sample)")) +
            "</td><td>" + (isBetterWhenLarger(metric) ? "larger" : "smaller") + "</td></tr>\n";
  }
  text += "</tbody>\n</table>\n";
  if (unanimous) {
    // Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 1983.
    const double unseen = std::min(1.0, 3.0 / static_cast<double>(evaluation->samples.size()));
    text += "<p>1.00 to 1.00 does not mean certainty: no sample failed, so that drawing from them again "
            "shows no spread. "
            "With " +
            count(evaluation->samples.size(), "sample", "samples") + " up to about " + formatShare(unseen) +
            " of others may fail (rule of three, 95 %).</p>\n";
  }
  return section("output", "What happens to the output", text);
}

namespace {

std::string originText(std::size_t samples, const SampleOrigin& origin) {
  return (origin.synthetic ? "<strong>drawn at random</strong>: " : "measured on ") +
         count(samples, "sample", "samples") + " (" + escaped(origin.description) + ")";
}

} // namespace

std::string originsSection(const ReportContent& content) {
  const MeasuredResults& measured = content.measured();
  const auto missing = [](const char* command) {
    return "not measured: run <code>" + escaped(command) + "</code>";
  };
  std::string text = "<table class=\"properties\">\n<tbody>\n";
  text += property("SQNR, clipped, bytes, bits per weight",
                   "computed from the weights themselves, all of them; nothing is estimated");
  text += property("Figures of the output",
                   measured.evaluation
                       ? originText(measured.evaluation->samples.size(), measured.evaluation->origin)
                       : missing(kMeasureOutput));
  text +=
      property("Isolated and accumulated error",
               measured.layerErrors ? originText(measured.layerErrors->samples, measured.layerErrors->origin)
                                    : missing(kMeasureOutput));
  text += property("Ranges of activations",
                   measured.calibration
                       ? originText(measured.calibration->sampleNames.size(), measured.calibration->origin)
                       : missing("halfstep-cli report … --data DATA, or --calibration FILE.h5"));
  text += property("Sensitivity",
                   measured.sensitivity
                       ? originText(measured.sensitivity->samples, measured.sensitivity->origin) + ", " +
                             metricTitle(measured.sensitivity->metric) + ", one layer quantized at a time"
                       : missing("halfstep-cli report … --data DATA --schemes int8,int4"));
  text += property("Latency",
                   measured.latency
                       ? "measured on " + escaped(measured.latency->machine.name) + " with " +
                             count(static_cast<std::size_t>(measured.latency->threads), "thread", "threads") +
                             (measured.latency->vnni ? ", VNNI" : "") + "; another machine has other times"
                       : missing("halfstep-cli report … --latency"));
  text += property("95 % intervals",
                   "bootstrap over the samples, 1,000 draws, seed " + std::to_string(content.seed) +
                       (measured.sensitivity
                            ? "; of sensitivities seed " + std::to_string(measured.sensitivity->seed)
                            : std::string()));
  text += property("Program", "Halfstep " + escaped(content.input->programVersion));
  return section("origins", "Where the figures come from", text + "</tbody>\n</table>\n");
}

std::string glossarySection() {
  static constexpr std::array<std::pair<const char*, const char*>, 17> kTerms = {{
      {"Layer", "An operation with weights. Its name is the node's name in the model's file."},
      {"Scheme",
       "How numbers are stored: a format like int8, then what differs from its usual form: one scale "
       "for the tensor, for each channel or for groups of weights; symmetric or asymmetric; how the range is "
       "found."},
      {"Quantization",
       "Every value becomes a whole-numbered code: value divided by scale, rounded, plus the zero "
       "point. Back: scale × (code − zero point)."},
      {"Bits per weight", "Bits of codes, scales and zero points, divided by the number of weights."},
      {"Activations",
       "What flows between layers. fp32: not quantized. dynamic: the range is found at run time; "
       "otherwise it comes from calibration."},
      {"Calibration", "Running samples through the float network to learn the range of every value."},
      {"Clipping range",
       "Values outside it are moved to its ends. Narrow: finer steps, but more is cut off."},
      {"Clipped", "Share of the weights that were outside the clipping range."},
      {"MSE", "Mean squared error: the mean of (quantized − original)²."},
      {"SQNR",
       "Signal-to-quantization-noise ratio in decibels: 10·log₁₀ of the original's sum of squares over the "
       "error's. Larger is better; 6 dB are about one bit. Infinite: no error."},
      {"KL divergence",
       "How far the quantized network's probabilities are from the float network's, in nats: "
       "Σ p·ln(p/q), the mean over all rows of the output. 0: the same."},
      {"Relative error", "The error's sum of squares over the output's. 0: no error."},
      {"Top-1",
       "The class with the largest output. The share of samples for which float and quantized agree."},
      {"Perplexity", "The exponential of the mean surprise at the right next token. Smaller is better."},
      {"Isolated and accumulated",
       "The error at a layer's output with this layer alone quantized, and with the "
       "whole plan applied."},
      {"Sensitivity, damage",
       "What quantizing one layer alone does to the network's output. Damages of several "
       "layers only roughly add up."},
      {"95 % interval",
       "Had other samples of the same kind been taken, the figure would likely have been in it. "
       "Found by bootstrap: drawing from the samples again and again."},
  }};
  std::string text = "<dl class=\"glossary\">\n";
  for (const auto& [term, meaning] : kTerms) {
    text += "<dt>" + escaped(term) + "</dt><dd>" + escaped(meaning) + "</dd>\n";
  }
  return section("glossary", "Words", text + "</dl>\n");
}

} // namespace halfstep
