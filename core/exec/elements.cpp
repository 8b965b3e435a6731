#include "core/exec/elements.h"

#include "core/exec/buffer_pool.h"

#include <cstdlib>
#include <fstream>
#include <new>
#include <string_view>

#include <unistd.h>

namespace halfstep {

namespace {

constexpr std::size_t kElementAlignment = 64;

/// More than the machine has could only be swapped.
std::size_t mostBytes() {
  static const std::size_t bytes = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
  return bytes;
}

/// What the system could give now without swapping or ending a program; everything where it does not say.
std::size_t availableBytes() {
  std::ifstream facts("/proc/meminfo");
  for (std::string line; std::getline(facts, line);) {
    constexpr std::string_view kName = "MemAvailable:";
    if (line.rfind(kName, 0) == 0) {
      return static_cast<std::size_t>(std::strtoull(line.c_str() + kName.size(), nullptr, 10)) << 10;
    }
  }
  return mostBytes();
}

} // namespace

Result<std::shared_ptr<std::byte>> allocateBytes(std::size_t bytes) {
  constexpr std::size_t kLarge = std::size_t{1} << 30; // worth asking the system
  if (bytes > mostBytes() || (bytes > kLarge && bytes > availableBytes())) {
    return Error{ErrorKind::failed,
                 "a tensor of " + std::to_string(bytes) + " bytes does not fit into this machine's memory"};
  }
  if (BufferPool* pool = BufferPool::current()) {
    if (auto memory = pool->take(bytes)) {
      return memory;
    }
  }
  auto* memory = static_cast<std::byte*>(
      ::operator new(std::max<std::size_t>(bytes, 1), std::align_val_t(kElementAlignment), std::nothrow));
  if (memory == nullptr) {
    return Error{ErrorKind::failed, "there is not enough memory for " + std::to_string(bytes) + " bytes"};
  }
  return std::shared_ptr<std::byte>(
      memory, [](std::byte* p) { ::operator delete(p, std::align_val_t(kElementAlignment)); });
}

Tensor integersTensor(const std::vector<std::int64_t>& values) {
  auto made = newTensor<std::int64_t>({static_cast<std::int64_t>(values.size())}).value();
  std::copy(values.begin(), values.end(), made.values.begin());
  return made.finish();
}

Result<Tensor> reshaped(const Tensor& tensor, Shape shape) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (count != tensor.count()) {
    return Error{ErrorKind::failed, "the shape " + shapeText(shape) + " has " + std::to_string(count) +
                                        " elements, the tensor " + std::to_string(tensor.count())};
  }
  if (tensor.type() == ElementType::string) {
    return Tensor::ofStrings(std::move(shape), {tensor.strings().begin(), tensor.strings().end()});
  }
  return Tensor::share(tensor.type(), std::move(shape), std::make_shared<Tensor>(tensor), tensor.bytes());
}

} // namespace halfstep
