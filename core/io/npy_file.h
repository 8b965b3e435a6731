// NumPy's .npy files, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include "core/support/mapped_file.h"
#include "core/tensor/tensor.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace halfstep {

/// Writes `bytes`, row-major elements of `descriptor` ("<f4", "|i1"), atomically. Errors as
/// writeFileAtomically.
Result<void> writeNpy(const std::filesystem::path& path, std::string_view descriptor, const Shape& shape,
                      std::span<const std::byte> bytes);

/// Reads a file of numbers or booleans in C order. Errors name the file: no .npy, another byte order or type,
/// Fortran order, fewer bytes than the shape asks for.
Result<Tensor> readNpy(const std::filesystem::path& path);

/// The same from a mapped file; errors name no file.
Result<Tensor> npyTensor(std::shared_ptr<const MappedFile> file);

/// What the head of a file says. The data follow at `start`.
struct NpyHeader {
  ElementType type = ElementType::undefined;
  Shape shape;
  std::size_t start = 0;
};
/// Nothing where `bytes` may be the beginning of a file whose header is not complete. Errors as readNpy,
/// naming no file.
Result<std::optional<NpyHeader>> readNpyHeader(std::span<const std::byte> bytes);

/// NumPy's name of an element type ("<f4"); empty where it has none.
std::string npyDescriptor(ElementType type);

} // namespace halfstep
