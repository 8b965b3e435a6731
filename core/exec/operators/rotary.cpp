// RotaryEmbedding, ONNX's (opset 23) and com.microsoft's. Sources: ONNX's operator specification; ONNX
// Runtime's docs/ContribOperators.md.
#include "core/exec/operator_families.h"
#include "core/exec/operators/attention.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

namespace halfstep {

Result<Tensor> rotated(const Tensor& x, const RotaryRows& angles, bool interleaved) {
  const Shape& shape = x.shape();
  const Shape& table = angles.cosines.shape();
  const bool fits = shape.size() == 4 && table.size() == 2 && angles.sines.shape() == table &&
                    2 * table[1] <= shape[3] && x.type() == ElementType::float32 &&
                    angles.cosines.type() == ElementType::float32 &&
                    angles.sines.type() == ElementType::float32 &&
                    angles.rows.size() == dimensionOf(shape, 0) * dimensionOf(shape, 2);
  if (!fits) {
    return Error{ErrorKind::failed,
                 "angles of " + shapeText(table) + " do not fit vectors of " + shapeText(shape)};
  }
  for (const std::int64_t row : angles.rows) {
    if (row < 0 || row >= table[0]) {
      return Error{ErrorKind::failed,
                   "position " + std::to_string(row) + " lies outside angles of " + shapeText(table)};
    }
  }
  const Elements<float> in(x);
  const Elements<float> cosines(angles.cosines);
  const Elements<float> sines(angles.sines);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  const std::size_t heads = dimensionOf(shape, 1);
  const std::size_t length = dimensionOf(shape, 2);
  const std::size_t size = dimensionOf(shape, 3);
  const std::size_t half = dimensionOf(table, 1);
  parallelFor(made.values.empty() ? 0 : dimensionOf(shape, 0) * heads, [&](std::size_t part) {
    for (std::size_t at = 0; at < length; ++at) {
      const std::size_t start = (part * length + at) * size;
      const auto row = static_cast<std::size_t>(angles.rows[part / heads * length + at]) * half;
      std::copy(in.data() + start, in.data() + start + size, made.values.data() + start);
      for (std::size_t i = 0; i < half; ++i) {
        const std::size_t first = start + (interleaved ? 2 * i : i);
        const std::size_t second = interleaved ? first + 1 : first + half;
        const float c = cosines[row + i];
        const float s = sines[row + i];
        made.values[first] = c * in[first] - s * in[second];
        made.values[second] = s * in[first] + c * in[second];
      }
    }
  });
  return made.finish();
}

namespace {

/// The result in the shape of the input, which may have its heads in one axis.
OpResult rotatedLike(const OpCall& call, const RotaryRows& angles, std::int64_t heads) {
  HALFSTEP_TRY(Tensor x, call.tensor(0));
  const bool flat = x.shape().size() == 3;
  if (flat) {
    HALFSTEP_TRY(x, splitHeads(x, heads));
  }
  HALFSTEP_TRY(Tensor result, rotated(x, angles, call.integer("interleaved", 0) != 0));
  if (flat) {
    HALFSTEP_TRY(result, joinedHeads(result));
  }
  return std::vector<Value>{std::move(result)};
}

/// Batch entries and positions of the input: [batch, length, …] or [batch, heads, length, size].
Result<std::pair<std::int64_t, std::int64_t>> placesOf(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  const Shape& shape = x.shape();
  if (shape.size() != 3 && shape.size() != 4) {
    return call.fail("it takes three or four axes, not " + shapeText(shape));
  }
  return std::pair{shape[0], shape[shape.size() == 3 ? 1 : 2]};
}

/// Input, cosines, sines, positions. Without positions the tables have a row for each element of the batch.
OpResult rotaryEmbedding(const OpCall& call) {
  HALFSTEP_TRY(const auto places, placesOf(call));
  RotaryRows angles;
  HALFSTEP_TRY(angles.cosines, call.tensor(1));
  HALFSTEP_TRY(angles.sines, call.tensor(2));
  if (call.has(3)) {
    HALFSTEP_TRY(angles.rows, call.integers(3));
  } else {
    for (Tensor* table : {&angles.cosines, &angles.sines}) {
      const Shape& shape = table->shape();
      if (shape.size() != 3) {
        return call.fail("without positions its tables need three axes, not " + shapeText(shape));
      }
      const Shape whole{places.first, places.second, shape[2]};
      HALFSTEP_TRY(*table, broadcasted(*table, whole));
      HALFSTEP_TRY(*table, reshaped(*table, {whole[0] * whole[1], whole[2]}));
    }
    for (std::int64_t i = 0; i < places.first * places.second; ++i) {
      angles.rows.push_back(i);
    }
  }
  const std::int64_t rotating = call.integer("rotary_embedding_dim", 0);
  if (rotating != 0 && (angles.cosines.shape().empty() || angles.cosines.shape().back() * 2 != rotating)) {
    return call.fail("tables of " + shapeText(angles.cosines.shape()) + " do not fit rotary_embedding_dim " +
                     std::to_string(rotating));
  }
  return rotatedLike(call, angles, call.integer("num_heads", 0));
}

constexpr OperatorEntry kEntries[] = {
    {"", "RotaryEmbedding", rotaryEmbedding, Widening::floats},
    {"com.microsoft", "RotaryEmbedding", contribRotaryEmbedding, Widening::floats},
};

} // namespace

/// Input, positions (one for each element, or where each sequence starts), cosines, sines.
OpResult contribRotaryEmbedding(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const auto places, placesOf(call));
  HALFSTEP_TRY(const std::vector<std::int64_t> positions, call.integers(1));
  RotaryRows angles;
  HALFSTEP_TRY(angles.cosines, call.tensor(2));
  HALFSTEP_TRY(angles.sines, call.tensor(3));
  if (call.integer("is_packed_batching", 0) != 0) {
    return call.unsupported("packed batches are not supported");
  }
  if (positions.size() == 1) {
    for (std::int64_t i = 0; i < places.first * places.second; ++i) {
      angles.rows.push_back(positions[0] + i % places.second);
    }
  } else {
    angles.rows = positions;
  }
  std::int64_t heads = call.integer("num_heads", 0);
  if (heads == 0 && x.shape().size() == 3 && angles.cosines.shape().size() == 2) { // as wide as the angles
    heads = x.shape()[2] / std::max<std::int64_t>(1, 2 * angles.cosines.shape()[1]);
  }
  return rotatedLike(call, angles, heads);
}

std::span<const OperatorEntry> rotaryOperators() {
  return kEntries;
}

} // namespace halfstep
