// Weights as rows of channels, whatever their layout and encoding in the file.
#include "core/quant/weight_matrix.h"
#include "tests/support/test_case.h"

#include <cstring>
#include <numeric>

using namespace halfstep;

namespace {

template <class T>
Tensor tensorOf(ElementType type, Shape shape, const std::vector<T>& values, std::size_t misalign = 0) {
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(T) + misalign);
  std::memcpy(bytes->data() + misalign, values.data(), values.size() * sizeof(T));
  const std::span<const std::byte> view = std::span(*bytes).subspan(misalign);
  return Tensor::share(type, std::move(shape), bytes, view).value();
}

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

Layer layerOf(Tensor weight, std::vector<int> axes) {
  Layer layer;
  layer.name = "layer";
  layer.weight = std::move(weight);
  layer.channelAxes = std::move(axes);
  return layer;
}

std::vector<float> valuesOf(const WeightMatrix& matrix) {
  return {matrix.values().begin(), matrix.values().end()};
}

} // namespace

class WeightMatrixTest : public test::TestCase {
  Q_OBJECT
private slots:
  void leadingFloatsAreShared() {
    const Layer layer = layerOf(tensorOf(ElementType::float32, {2, 3, 1, 1}, counting(6)), {0});
    const auto matrix = WeightMatrix::fromLayer(layer, {}).value();
    QCOMPARE(static_cast<const void*>(matrix->values().data()),
             static_cast<const void*>(layer.weight.bytes().data()));
    QCOMPARE(matrix->channels(), std::size_t{2});
    QCOMPARE(matrix->valuesPerChannel(), std::size_t{3});
    QVERIFY(matrix->weightOrder().empty());
    QCOMPARE(matrix->originalBits(), 32);
  }

  void misalignedFloatsAreCopied() {
    const Layer layer = layerOf(tensorOf(ElementType::float32, {2, 3}, counting(6), 1), {0});
    QCOMPARE(valuesOf(*WeightMatrix::fromLayer(layer, {}).value()), counting(6));
  }

  void axesMoveToTheFront_data() {
    QTest::addColumn<QList<int>>("shape");
    QTest::addColumn<QList<int>>("axes");
    QTest::newRow("MatMul [K, N]") << QList<int>{5, 3} << QList<int>{1};
    QTest::newRow("large MatMul") << QList<int>{301, 259} << QList<int>{1};
    QTest::newRow("ConvTranspose") << QList<int>{4, 3, 2, 2} << QList<int>{1};
    QTest::newRow("LSTM [directions, gates, input]") << QList<int>{2, 8, 3} << QList<int>{0, 1};
    QTest::newRow("batched MatMul") << QList<int>{2, 5, 3} << QList<int>{2};
    QTest::newRow("outer and last") << QList<int>{2, 5, 3} << QList<int>{0, 2};
    QTest::newRow("no channel") << QList<int>{2, 5} << QList<int>{};
    QTest::newRow("all axes") << QList<int>{2, 5} << QList<int>{0, 1};
    QTest::newRow("length 1 in front") << QList<int>{1, 5, 3} << QList<int>{1};
  }
  void axesMoveToTheFront() {
    QFETCH(QList<int>, shape);
    QFETCH(QList<int>, axes);
    const Shape dimensions(shape.begin(), shape.end());
    const std::size_t count = elementCount(dimensions).value();
    const std::vector<int> channelAxes(axes.begin(), axes.end());
    const auto matrix =
        WeightMatrix::fromLayer(
            layerOf(tensorOf(ElementType::float32, dimensions, counting(count)), channelAxes), {})
            .value();
    QCOMPARE(matrix->channels() * matrix->valuesPerChannel(), count);
    // Every index tuple by itself: channel digits and value digits in order.
    std::vector<std::size_t> order = matrix->weightOrder();
    bool moved = false;
    for (std::size_t flat = 0; flat < count; ++flat) {
      std::size_t rest = flat;
      std::vector<std::size_t> index(dimensions.size());
      for (std::size_t axis = dimensions.size(); axis-- > 0;) {
        index[axis] = rest % static_cast<std::size_t>(dimensions[axis]);
        rest /= static_cast<std::size_t>(dimensions[axis]);
      }
      std::size_t channel = 0;
      std::size_t value = 0;
      for (std::size_t axis = 0; axis < dimensions.size(); ++axis) {
        const bool isChannel = axes.contains(static_cast<int>(axis));
        std::size_t& place = isChannel ? channel : value;
        place = place * static_cast<std::size_t>(dimensions[axis]) + index[axis];
      }
      const std::size_t expected = channel * matrix->valuesPerChannel() + value;
      QCOMPARE(matrix->values()[expected], static_cast<float>(flat));
      QCOMPARE(order.empty() ? flat : order[flat], expected);
      moved = moved || expected != flat;
    }
    QCOMPARE(order.empty(), !moved);
  }

  void halfPrecisionIsDecoded() {
    const Layer layer =
        layerOf(tensorOf<std::uint16_t>(ElementType::float16, {2, 2}, {0x3c00, 0x4000, 0xc000, 0x3800}), {1});
    const auto matrix = WeightMatrix::fromLayer(layer, {}).value();
    QCOMPARE(valuesOf(*matrix), (std::vector<float>{1, -2, 2, .5f}));
    QCOMPARE(matrix->originalBits(), 16);
  }

  void storedQuantizationIsDecoded() {
    const auto matrixOf = [](StoredQuantization stored, std::vector<int> axes) {
      Layer layer = layerOf(stored.codes, std::move(axes));
      layer.stored = std::move(stored);
      return WeightMatrix::fromLayer(layer, {});
    };
    StoredQuantization stored;
    stored.codes = tensorOf<std::uint8_t>(ElementType::uint8, {2, 3}, {0, 1, 2, 253, 254, 255});
    stored.scales = tensorOf<float>(ElementType::float32, {}, {0.5f});
    QCOMPARE(valuesOf(*matrixOf(stored, {0}).value()), (std::vector<float>{0, .5f, 1, 126.5f, 127, 127.5f}));
    stored.zeroPoints = tensorOf<std::uint8_t>(ElementType::uint8, {}, {128});
    QCOMPARE(valuesOf(*matrixOf(stored, {0}).value()),
             (std::vector<float>{-64, -63.5f, -63, 62.5f, 63, 63.5f}));
    // Per axis: the last one, which is also the channel axis.
    stored.axis = 1;
    stored.scales = tensorOf<float>(ElementType::float32, {3}, {1, 2, 4});
    stored.zeroPoints = tensorOf<std::uint8_t>(ElementType::uint8, {3}, {0, 1, 2});
    QCOMPARE(valuesOf(*matrixOf(stored, {1}).value()), (std::vector<float>{0, 253, 0, 506, 0, 1012}));
    // The axis counted from the end, and axis 0 with the same number of scales, differ.
    stored.axis = -1;
    QCOMPARE(valuesOf(*matrixOf(stored, {1}).value()), (std::vector<float>{0, 253, 0, 506, 0, 1012}));
    stored.axis = 0;
    QCOMPARE(matrixOf(stored, {1}).error().kind, ErrorKind::damagedFile);
    stored.axis = 2;
    QCOMPARE(matrixOf(stored, {1}).error().kind, ErrorKind::damagedFile);
  }

  void blockedScalesAreDecoded() {
    Layer layer =
        layerOf(tensorOf<std::int8_t>(ElementType::int8, {2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), {0});
    StoredQuantization stored;
    stored.codes = layer.weight;
    stored.axis = 1;
    stored.blockSize = 2; // the last block of each row is short
    stored.scales = tensorOf<float>(ElementType::float32, {2, 3}, {1, 10, 100, 2, 20, 200});
    layer.stored = stored;
    QCOMPARE(valuesOf(*WeightMatrix::fromLayer(layer, {}).value()),
             (std::vector<float>{1, 2, 30, 40, 500, 12, 14, 160, 180, 2000}));
    layer.stored->axis = 0;
    layer.stored->scales = tensorOf<float>(ElementType::float32, {1, 5}, {1, 2, 3, 4, 5});
    QCOMPARE(valuesOf(*WeightMatrix::fromLayer(layer, {}).value()),
             (std::vector<float>{1, 4, 9, 16, 25, 6, 14, 24, 36, 50}));
    layer.stored->zeroPoints = tensorOf<std::int8_t>(ElementType::int8, {2}, {0, 0});
    QCOMPARE(WeightMatrix::fromLayer(layer, {}).error().kind, ErrorKind::damagedFile);
  }

  void wrongAxesAreErrors() {
    const Tensor weight = tensorOf(ElementType::float32, {2, 3}, counting(6));
    for (const std::vector<int>& axes : {std::vector<int>{2}, std::vector<int>{-1}, std::vector<int>{0, 0}}) {
      QCOMPARE(WeightMatrix::fromLayer(layerOf(weight, axes), {}).error().kind, ErrorKind::damagedFile);
    }
  }

  void emptyWeightsTakeNoMemory() {
    const Tensor weight = Tensor::own(ElementType::float32, {0, std::int64_t{1} << 40}, {}).value();
    const auto matrix = WeightMatrix::fromLayer(layerOf(weight, {1}), {}).value();
    QCOMPARE(matrix->count(), std::size_t{0});
    QCOMPARE(matrix->channels(), std::size_t{0});
  }
};

QTEST_GUILESS_MAIN(WeightMatrixTest)
#include "tst_weight_matrix.moc"
