// Every kernel on every instruction set that was compiled and that this CPU has, against its scalar twin.
#include "core/kernels/errors.h"
#include "core/kernels/int4_matvec.h"
#include "core/kernels/quantize.h"
#include "core/kernels/targets.h"
#include "tests/core/kernel_cases.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <hwy/highway.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace halfstep;
using namespace halfstep::kernels;
using test::KernelCase;
using test::KernelFigures;
using test::Variant;

namespace {

/// Memory that ends at a page which must not be touched.
class GuardedFloats {
public:
  explicit GuardedFloats(std::span<const float> values)
      : m_page(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)))
      , m_size((values.size_bytes() / m_page + 2) * m_page) {
    m_base = static_cast<std::byte*>(
        mmap(nullptr, m_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::byte* const end = m_base + m_size - m_page;
    m_values = reinterpret_cast<float*>(end - values.size_bytes());
    m_count = values.size();
    if (!values.empty()) {
      std::memcpy(m_values, values.data(), values.size_bytes());
    }
    mprotect(end, m_page, PROT_NONE);
  }
  ~GuardedFloats() { munmap(m_base, m_size); }
  GuardedFloats(const GuardedFloats&) = delete;
  GuardedFloats& operator=(const GuardedFloats&) = delete;
  std::span<const float> values() const { return {m_values, m_count}; }

private:
  std::size_t m_page;
  std::size_t m_size;
  std::byte* m_base = nullptr;
  float* m_values = nullptr;
  std::size_t m_count = 0;
};

std::vector<float> normalValues(std::size_t count) {
  std::mt19937 generator(static_cast<unsigned>(count) + 1);
  std::normal_distribution<float> normal(0.05f, 0.4f);
  std::vector<float> values(count);
  for (float& value : values) {
    value = normal(generator);
  }
  return values;
}

/// Ties, zeros of both signs, denormals, huge values, NaN and infinities between ordinary ones.
std::vector<float> oddValues(std::size_t count, bool finite) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const float odd[] = {0.0f,    -0.0f,   0.5f,        -0.5f,        1.5f,      2.5f,    0.125f,
                       0.375f,  1e-40f,  -1e-42f,     3e38f,        -2e30f,    1e-30f,  65520.f,
                       65504.f, 60000.f, 448.0f,      464.0f,       465.f,     57344.f, 61440.f,
                       1e9f,    -1e9f,   0.49999997f, -0.49999997f, 8388607.5f};
  const float wild[] = {std::numeric_limits<float>::quiet_NaN(), kInf, -kInf};
  std::vector<float> values = normalValues(count);
  for (std::size_t i = 0; i < count; i += 3) {
    values[i] = odd[i / 3 % std::size(odd)];
  }
  for (std::size_t i = 1; i < count && !finite; i += 41) {
    values[i] = wild[i / 41 % 3];
  }
  return values;
}

bool close(double a, double b, double allowed) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= allowed;
}

/// Empty where `actual` is close enough to `expected`, otherwise what differs.
std::string difference(const KernelCase& row, const KernelFigures& actual, const KernelFigures& expected) {
  if (actual.figures.size() != expected.figures.size()) {
    return "another number of figures";
  }
  for (std::size_t i = 0; i < expected.figures.size(); ++i) {
    if (!close(actual.figures[i], expected.figures[i], row.tolerance * std::abs(expected.scales[i]))) {
      return "figure " + std::to_string(i) + " is " + std::to_string(actual.figures[i]) + ", not " +
             std::to_string(expected.figures[i]);
    }
  }
  return {};
}

void compare(const KernelCase& row, std::span<const float> values) {
  const GuardedFloats guarded(values);
  const std::string text = difference(row, row.run(guarded.values(), Variant::dispatched),
                                      row.run(guarded.values(), Variant::scalarTwin));
  QVERIFY2(text.empty(), (std::string(row.kernel) + " (" + std::string(row.variant) + "), " +
                          std::to_string(values.size()) + " values: " + text)
                             .c_str());
}

} // namespace

class KernelsTest : public test::TestCase {
  Q_OBJECT
private slots:
  void cleanup() { hwy::SetSupportedTargetsForTest(0); }

  void everyKernelHasACase() {
    for (const KernelFacts& kernel : allKernels()) {
      const auto rows = test::kernelCases();
      QVERIFY2(std::any_of(
                   rows.begin(), rows.end(),
                   [&](const KernelCase& row) { return row.kernel == kernel.name && row.work != nullptr; }),
               std::string(kernel.name).c_str());
    }
    for (const KernelCase& row : test::kernelCases()) {
      const auto kernels = allKernels();
      QVERIFY(std::any_of(kernels.begin(), kernels.end(),
                          [&](const KernelFacts& kernel) { return row.kernel == kernel.name; }));
    }
  }

  void targetsAreListed() {
    const TargetList list = kernelTargets();
    QVERIFY(!list.compiled.empty());
    QVERIFY(std::find(list.supported.begin(), list.supported.end(), list.chosen) != list.supported.end());
    for (const std::string& name : list.supported) {
      QVERIFY(std::find(list.compiled.begin(), list.compiled.end(), name) != list.compiled.end());
    }
  }

  void agreeWithTheirTwins_data() {
    QTest::addColumn<qlonglong>("target");
    QTest::addColumn<int>("row");
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      int index = 0;
      for (const KernelCase& row : test::kernelCases()) {
        const std::string name = std::string(hwy::TargetName(target)) + " " + std::string(row.kernel) + " " +
                                 std::string(row.variant);
        QTest::newRow(name.c_str()) << qlonglong(target) << index++;
      }
    }
  }
  void agreeWithTheirTwins() {
    QFETCH(qlonglong, target);
    QFETCH(int, row);
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const KernelCase& kernel = test::kernelCases()[static_cast<std::size_t>(row)];
    for (std::size_t count = 0; count < 70; ++count) {
      compare(kernel, normalValues(count));
      compare(kernel, oddValues(count, false));
    }
    for (const std::size_t count : {127u, 500u, 512u, 513u, 1023u, 1024u, 1025u, 4099u, 9001u}) {
      compare(kernel, normalValues(count));
      compare(kernel, oddValues(count, true));
      compare(kernel, oddValues(count, false));
      compare(kernel, std::vector<float>(count, 0.0f));
      compare(kernel, std::vector<float>(count, -0.37f));
      const std::vector<float> values = normalValues(count);
      compare(kernel, std::span(values).subspan(1)); // not aligned to a vector
    }
    std::vector<float> tiny = normalValues(2000);
    for (float& value : tiny) {
      value *= 1e-25f; // squares below the smallest float
    }
    if (kernel.kernel != "shrink_errors") { // whose own range is always as small as the values
      compare(kernel, tiny);
    }
    hwy::GetChosenTarget().DeInit();
  }

  // The tolerances above can fail: a wrong zero point, a wrong scale, one value too few.
  void wrongAnswersAreRejected() {
    const std::vector<float> values = normalValues(4099);
    int rejected = 0;
    for (const KernelCase& row : test::kernelCases()) {
      const KernelFigures right = row.run(values, Variant::scalarTwin);
      QVERIFY(difference(row, right, right).empty());
      std::vector<float> other(values);
      other[1234] = 0.9f;
      other[77] = -3.0f;
      other[78] = 0.3f;
      if (!difference(row, row.run(other, Variant::scalarTwin), right).empty()) {
        ++rejected;
      } else {
        qInfo("not rejected: %s %s", row.kernel.data(), row.variant.data());
      }
    }
    QCOMPARE(rejected, int(test::kernelCases().size()));

    const float scale = 0.01f;
    const std::int32_t zeroPoint = 3;
    const std::int32_t wrongZeroPoint = 4;
    const float wrongScale = std::nextafter(scale, 1.0f);
    const IntegerGrids grids{{&scale, 1}, {&zeroPoint, 1}, values.size(), -128, 127};
    IntegerGrids offset = grids;
    offset.zeroPoints = {&wrongZeroPoint, 1};
    IntegerGrids stretched = grids;
    stretched.scales = {&wrongScale, 1};
    const auto codes = [&](const IntegerGrids& some) {
      std::vector<std::int32_t> out(values.size());
      quantize(values, some, out);
      return out;
    };
    QVERIFY(codes(grids) != codes(offset));
    const double sum = integerErrors(values, grids).squaredErrors;
    QVERIFY(std::abs(integerErrors(values, offset).squaredErrors - sum) > 1e-6 * sum);
    QVERIFY(std::abs(integerErrors(values, grids).decodedSquares -
                     integerErrors(values, stretched).decodedSquares) > 0.0);
  }

  void nearTiesAreDecidedByTheDivision() {
    // Around every tie of the grid, the last one before clipping among them, a few floats to either side: the
    // product with 1/scale alone would round some of them the other way.
    std::mt19937 random(7);
    std::uniform_real_distribution<float> scales(1e-3f, 2e-3f);
    for (int trial = 0; trial < 50; ++trial) {
      const float scale = scales(random);
      for (const std::int32_t zeroPoint : {0, 31}) {
        std::vector<float> values;
        for (int tie = -129 - zeroPoint; tie <= 128 - zeroPoint; ++tie) {
          float near = (static_cast<float>(tie) + 0.5f) * scale;
          for (int i = 0; i < 4; ++i) {
            near = std::nextafter(near, -1.0f);
          }
          for (int i = 0; i < 8; ++i) {
            values.push_back(near);
            near = std::nextafter(near, 1.0f);
          }
        }
        // Few enough together that blocks without clipping are among them.
        const IntegerGrids grids{{&scale, 1}, {&zeroPoint, 1}, values.size(), -128, 127};
        for (std::size_t at = 0; at < values.size(); at += 512) {
          const std::span<const float> some =
              std::span(values).subspan(at, std::min<std::size_t>(512, values.size() - at));
          const ErrorPartials fast = integerErrors(some, grids);
          const ErrorPartials exact = scalar::integerErrors(some, grids);
          QCOMPARE(fast.clipped, exact.clipped);
          QCOMPARE(fast.maxError, exact.maxError);
          // A code rounded the other way moves Σe by a whole step.
          QVERIFY(std::abs(fast.errors - exact.errors) < 0.01 * static_cast<double>(scale));
        }
      }
    }
  }

  // Codes that end at an unmapped page; and what the tolerance must reject: a zero point one too high,
  // nibbles exchanged, scales of the next group.
  void int4MatvecReadsNoFurtherAndRejectsWrongWeights() {
    for (const std::size_t columns : {8u, 72u, 200u, 1000u}) {
      const std::size_t groups = (columns + 31) / 32;
      const std::vector<float> x = normalValues(columns);
      const GuardedFloats memory(normalValues(columns * 4 / 8));
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(memory.values().data());
      std::vector<std::uint8_t> codes(bytes, bytes + memory.values().size_bytes());
      std::vector<float> scales(4 * groups);
      for (std::size_t i = 0; i < scales.size(); ++i) {
        scales[i] = 0.01f * static_cast<float>(i % 7 + 1);
      }
      const GuardedFloats guardedScales(scales);
      std::vector<std::uint8_t> zeros(4 * groups, 7);
      const Int4Matrix matrix{4, columns, 32, {bytes, codes.size()}, guardedScales.values(), zeros};
      std::vector<float> y(4);
      int4Matvec(matrix, x, y);
      const auto differs = [&](const Int4Matrix& other) {
        std::vector<float> right(4);
        scalar::int4Matvec(other, x, right);
        double most = 0.0;
        for (std::size_t n = 0; n < 4; ++n) {
          double scale = 0.0; // no more than 10·62 + (K/32 + 8)·15 for any codes
          for (std::size_t k = 0; k < columns; ++k) {
            scale += std::abs(static_cast<double>(x[k]) * 0.07);
          }
          scale *= 620.0 + (static_cast<double>(columns) / 32 + 8) * 15.0;
          most = std::max(most, std::abs(static_cast<double>(y[n] - right[n])) / (0x1p-23 * scale));
        }
        return most > 1.0;
      };
      QVERIFY(!differs(matrix));
      Int4Matrix wrong = matrix;
      const std::vector<std::uint8_t> higher(zeros.size(), 8);
      wrong.zeros = higher;
      QVERIFY(differs(wrong));
      wrong = matrix;
      std::vector<std::uint8_t> exchanged(codes);
      for (std::uint8_t& byte : exchanged) {
        byte = static_cast<std::uint8_t>(byte << 4 | byte >> 4);
      }
      wrong.codes = exchanged;
      QVERIFY(differs(wrong));
      wrong = matrix;
      std::vector<float> shifted(scales.begin() + 1, scales.end());
      shifted.push_back(0.01f);
      wrong.scales = shifted;
      QVERIFY(differs(wrong));
    }
  }

  void resultsDoNotDependOnHowRowsAreCut() {
    const std::vector<float> values = normalValues(8192);
    const float scale = 0.01f;
    const std::int32_t zeroPoint = 0;
    const IntegerGrids grids{{&scale, 1}, {&zeroPoint, 1}, values.size(), -128, 127};
    const ErrorPartials whole = integerErrors(values, grids);
    ErrorPartials halves = integerErrors(std::span(values).first(4096), grids);
    halves.merge(integerErrors(std::span(values).subspan(4096), grids));
    QCOMPARE(halves.clipped, whole.clipped);
    QCOMPARE(halves.maxError, whole.maxError);
    QVERIFY(std::abs(halves.squaredErrors - whole.squaredErrors) < 1e-9 * whole.squaredErrors);
  }
};

QTEST_GUILESS_MAIN(KernelsTest)
#include "tst_kernels.moc"
