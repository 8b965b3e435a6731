// NumPy's .npy files, version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include "core/support/result.h"
#include "core/tensor/tensor.h"

#include <filesystem>
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

/// NumPy's name of an element type ("<f4"); empty where it has none.
std::string npyDescriptor(ElementType type);

} // namespace halfstep
