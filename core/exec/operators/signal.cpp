// Signal processing: DFT, STFT, windows and the mel matrix (from opset 17 on). Complex numbers are a last
// axis of two real ones.
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_widths.h"
#include "core/exec/operators/fourier.h"

#include <numbers>

namespace halfstep {

namespace {

using Complex = FourierTransform::Complex;

Error noFloats() {
  return {ErrorKind::failed, "it takes floating-point numbers"};
}

/// The integer in input `index`, or `fallback` where it is left out.
Result<std::int64_t> wholeNumber(const OpCall& call, std::size_t index, std::int64_t fallback) {
  if (!call.has(index)) {
    return fallback;
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> values, call.integers(index));
  if (values.size() != 1) {
    return call.fail("input " + std::to_string(index) + " is not one number");
  }
  return values.front();
}

/// The length of a transform, checked.
Result<std::size_t> transformLength(const OpCall& call, std::int64_t length) {
  if (length < 1) {
    return call.fail("a transform of " + std::to_string(length) + " values");
  }
  if (length > static_cast<std::int64_t>(FourierTransform::kLongest)) {
    return call.unsupported("a transform of " + std::to_string(length) + " values is too long");
  }
  return static_cast<std::size_t>(length);
}

/// One DFT operator, checked. The last axis is not part of `in` and `out`.
struct Dft {
  AxisRows in;
  AxisRows out;
  Shape shape;                ///< of the result
  std::size_t components = 1; ///< of an input value: 1 for real ones
  std::size_t length = 0;
  bool inverse = false;
  bool oneSided = false;
};

Result<Dft> dftOf(const OpCall& call, const Tensor& data) {
  Dft dft;
  dft.inverse = call.integer("inverse", 0) != 0;
  dft.oneSided = call.integer("onesided", 0) != 0;
  Shape signal = data.shape();
  if (signal.size() < 2 || (signal.back() != 1 && signal.back() != 2)) {
    return call.fail("its input is " + shapeText(signal) + ", expected […, 1] or […, 2]");
  }
  dft.components = static_cast<std::size_t>(signal.back());
  if (dft.oneSided && !dft.inverse && dft.components == 2) {
    return call.fail("the transform of complex numbers has two sides");
  }
  std::int64_t given = call.integer("axis", 1);
  if (call.version() >= 20) {
    HALFSTEP_TRY(given, wholeNumber(call, 2, -2));
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(given, signal.size()));
  if (axis + 1 == signal.size()) {
    return call.fail("its axis is that of real and imaginary parts");
  }
  signal.pop_back();
  HALFSTEP_TRY(dft.in, axisRows(signal, axis));
  // One side of a spectrum of n values has n / 2 + 1: the inverse makes the n real values of it.
  const bool toReal = dft.oneSided && dft.inverse;
  HALFSTEP_TRY(
      const std::int64_t length,
      wholeNumber(call, 1, toReal ? 2 * (std::min(signal[axis], std::int64_t{1} << 48) - 1) : signal[axis]));
  HALFSTEP_TRY(dft.length, transformLength(call, length));
  signal[axis] = dft.oneSided && !dft.inverse ? length / 2 + 1 : length;
  HALFSTEP_TRY(dft.out, axisRows(signal, axis));
  dft.shape = std::move(signal);
  dft.shape.push_back(toReal ? 1 : 2);
  return dft;
}

/// Row `row` of the input, cut or filled with zeros; of one side of a spectrum, both.
template <class T>
std::vector<Complex> dftInput(const Dft& dft, const Elements<T>& values, std::size_t row) {
  std::vector<Complex> line(dft.length);
  const bool mirrored = dft.oneSided && dft.inverse;
  const std::size_t used = std::min(dft.in.length, mirrored ? dft.length / 2 + 1 : dft.length);
  for (std::size_t i = 0; i < used; ++i) {
    const std::size_t at = (dft.in.start(row) + i * dft.in.inner) * dft.components;
    const auto imaginary = dft.components == 2 ? static_cast<double>(values[at + 1]) : 0.0;
    line[i] = {static_cast<double>(values[at]), imaginary};
    if (mirrored && i > 0) {
      line[dft.length - i] = i == dft.length - i ? Complex(line[i].real()) : std::conj(line[i]);
    }
  }
  return line;
}

OpResult discreteFourierTransform(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Dft dft, dftOf(call, data));
  const FourierTransform transform(dft.length, dft.inverse);
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(data);
      HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(dft.shape));
      const auto components = static_cast<std::size_t>(dft.shape.back());
      forRows(dft.out.rows, dft.length, [&](std::size_t row) {
        std::vector<Complex> line = dftInput(dft, values, row);
        transform.run(line);
        for (std::size_t i = 0; i < dft.out.length; ++i) {
          const std::size_t at = (dft.out.start(row) + i * dft.out.inner) * components;
          made.values[at] = static_cast<T>(line[i].real());
          if (components == 2) {
            made.values[at + 1] = static_cast<T>(line[i].imag());
          }
        }
      });
      return std::vector<Value>{made.finish()};
    } else {
      return noFloats();
    }
  });
}

/// One STFT operator, checked.
struct Stft {
  std::size_t batch = 0;
  std::size_t samples = 0;
  std::size_t components = 1;
  std::size_t step = 1;
  std::size_t length = 0; ///< of a frame
  std::size_t frames = 0;
  std::size_t bins = 0;
  std::vector<double> window; ///< empty: none
};

Result<Stft> stftOf(const OpCall& call, const Tensor& data) {
  Stft stft;
  const Shape& shape = data.shape();
  if (shape.size() < 2 || shape.size() > 3 || (shape.size() == 3 && shape[2] != 1 && shape[2] != 2)) {
    return call.fail("its signal is " + shapeText(shape));
  }
  stft.batch = static_cast<std::size_t>(shape[0]);
  stft.samples = static_cast<std::size_t>(shape[1]);
  stft.components = shape.size() == 3 ? static_cast<std::size_t>(shape[2]) : 1;
  HALFSTEP_TRY(const std::int64_t step, wholeNumber(call, 1, 0));
  std::int64_t windowLength = 0;
  if (call.has(2)) {
    HALFSTEP_TRY(const Tensor window, call.tensor(2));
    stft.window = doublesOf(window);
    windowLength = static_cast<std::int64_t>(window.count());
  }
  HALFSTEP_TRY(const std::int64_t length, wholeNumber(call, 3, windowLength));
  HALFSTEP_TRY(stft.length, transformLength(call, length));
  if (step < 1 || stft.length > stft.samples || (!stft.window.empty() && windowLength != length)) {
    return call.fail("frames of " + std::to_string(length) + " samples every " + std::to_string(step) +
                     ", a window of " + std::to_string(windowLength) + " and a signal of " +
                     std::to_string(stft.samples) + " do not fit together");
  }
  const bool oneSided = call.integer("onesided", 1) != 0;
  if (oneSided && stft.components == 2) {
    return call.fail("the transform of complex numbers has two sides");
  }
  stft.step = static_cast<std::size_t>(step);
  stft.frames = (stft.samples - stft.length) / stft.step + 1;
  stft.bins = oneSided ? stft.length / 2 + 1 : stft.length;
  return stft;
}

OpResult shortTimeFourierTransform(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Stft stft, stftOf(call, data));
  const FourierTransform transform(stft.length, false);
  const auto size = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  const Shape shape = {size(stft.batch), size(stft.frames), size(stft.bins), 2};
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(data);
      HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
      forRows(stft.batch * stft.frames, stft.length, [&](std::size_t row) {
        const std::size_t start = row / stft.frames * stft.samples + row % stft.frames * stft.step;
        std::vector<Complex> line(stft.length);
        for (std::size_t i = 0; i < stft.length; ++i) {
          const std::size_t at = (start + i) * stft.components;
          const auto imaginary = stft.components == 2 ? static_cast<double>(values[at + 1]) : 0.0;
          line[i] = Complex(static_cast<double>(values[at]), imaginary) *
                    (stft.window.empty() ? 1.0 : stft.window[i]);
        }
        transform.run(line);
        for (std::size_t i = 0; i < stft.bins; ++i) {
          made.values[(row * stft.bins + i) * 2] = static_cast<T>(line[i].real());
          made.values[(row * stft.bins + i) * 2 + 1] = static_cast<T>(line[i].imag());
        }
      });
      return std::vector<Value>{made.finish()};
    } else {
      return noFloats();
    }
  });
}

/// The type that the attribute output_datatype names.
Result<ElementType> outputType(const OpCall& call) {
  const auto type = elementTypeFromOnnx(call.integer("output_datatype", 1));
  if (!type) {
    return call.fail("its output_datatype is none");
  }
  return *type;
}

/// a0 − a1·cos(2πn/N) + a2·cos(4πn/N), with N = size if periodic, else size − 1.
OpResult cosineWindow(const OpCall& call, double a0, double a1, double a2) {
  HALFSTEP_TRY(const std::int64_t size, wholeNumber(call, 0, -1));
  HALFSTEP_TRY(const ElementType type, outputType(call));
  const bool periodic = call.integer("periodic", 1) != 0;
  if (size < 0) {
    return call.fail("a window of " + std::to_string(size) + " values");
  }
  const auto period = static_cast<double>(periodic || size == 0 ? size : size - 1);
  HALFSTEP_TRY(Tensor window, (generatedTensor({size}, type, [&](std::size_t i) {
                 const double angle = 2.0 * std::numbers::pi * static_cast<double>(i) / period;
                 return period == 0 ? 1.0 : a0 - a1 * std::cos(angle) + a2 * std::cos(2.0 * angle);
               })));
  return std::vector<Value>{std::move(window)};
}

OpResult hannWindow(const OpCall& call) {
  return cosineWindow(call, 0.5, 0.5, 0.0);
}

OpResult hammingWindow(const OpCall& call) {
  return cosineWindow(call, 25.0 / 46.0, 21.0 / 46.0, 0.0);
}

OpResult blackmanWindow(const OpCall& call) {
  return cosineWindow(call, 0.42, 0.5, 0.08);
}

/// The spectrum's bins at the corners of the triangles: equal steps on the mel scale,
/// mel(f) = 2595·log10(1 + f/700). The steps are those of the specification's test data: the whole range
/// divided by the number of corners.
std::vector<std::int64_t> melCorners(std::int64_t bands, double perHertz, double lower, double upper) {
  const auto mel = [](double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); };
  const double step = (mel(upper) - mel(lower)) / static_cast<double>(bands + 2);
  std::vector<std::int64_t> corners;
  for (std::int64_t i = 0; i < bands + 2; ++i) {
    const double hertz =
        700.0 * (std::pow(10.0, (mel(lower) + static_cast<double>(i) * step) / 2595.0) - 1.0);
    corners.push_back(fromDouble<std::int64_t>(std::floor(hertz * perHertz)));
  }
  return corners;
}

/// One triangle in a column of the matrix, 1 at its middle corner.
void drawTriangle(std::span<double> matrix, std::size_t bands, std::size_t band,
                  const std::int64_t* corners) {
  const auto at = [&](std::int64_t bin) -> double& {
    return matrix[static_cast<std::size_t>(bin) * bands + band];
  };
  const std::int64_t rise = corners[1] - corners[0];
  const std::int64_t fall = corners[2] - corners[1];
  for (std::int64_t bin = corners[0]; bin < corners[1]; ++bin) {
    at(bin) = static_cast<double>(bin - corners[0]) / static_cast<double>(rise);
  }
  at(corners[1]) = 1.0;
  for (std::int64_t bin = corners[1]; bin < corners[2]; ++bin) {
    at(bin) = static_cast<double>(corners[2] - bin) / static_cast<double>(fall);
  }
}

OpResult melWeightMatrix(const OpCall& call) {
  HALFSTEP_TRY(const std::int64_t bands, wholeNumber(call, 0, 0));
  HALFSTEP_TRY(const std::int64_t length, wholeNumber(call, 1, 0));
  HALFSTEP_TRY(const std::int64_t rate, wholeNumber(call, 2, 0));
  HALFSTEP_TRY(const double lower, call.scalar(3));
  HALFSTEP_TRY(const double upper, call.scalar(4));
  HALFSTEP_TRY(const ElementType type, outputType(call));
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  if (bands < 1 || bands > kMost || length < 1 || length > kMost || rate < 1 || !(lower >= 0) ||
      !(upper >= lower) || !std::isfinite(upper)) {
    return call.fail("there is no such matrix");
  }
  const std::int64_t bins = length / 2 + 1;
  const double perHertz = static_cast<double>(length + 1) / static_cast<double>(rate);
  const std::vector<std::int64_t> corners = melCorners(bands, perHertz, lower, upper);
  if (corners.front() < 0 || corners.back() > bins || corners[corners.size() - 2] >= bins ||
      !std::is_sorted(corners.begin(), corners.end())) {
    return call.fail("its bands lie outside the spectrum");
  }
  HALFSTEP_TRY(const NewTensor<double> matrix, newTensor<double>({bins, bands}));
  std::fill(matrix.values.begin(), matrix.values.end(), 0.0);
  for (std::size_t band = 0; band < static_cast<std::size_t>(bands); ++band) {
    drawTriangle(matrix.values, static_cast<std::size_t>(bands), band, &corners[band]);
  }
  HALFSTEP_TRY(Tensor result,
               (generatedTensor({bins, bands}, type, [&](std::size_t i) { return matrix.values[i]; })));
  return std::vector<Value>{std::move(result)};
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "BlackmanWindow", blackmanWindow},   {"", "DFT", discreteFourierTransform, kFloats},
    {"", "HammingWindow", hammingWindow},     {"", "HannWindow", hannWindow},
    {"", "MelWeightMatrix", melWeightMatrix}, {"", "STFT", shortTimeFourierTransform, kFloats},
};

} // namespace

std::span<const OperatorEntry> signalOperators() {
  return kEntries;
}

} // namespace halfstep
