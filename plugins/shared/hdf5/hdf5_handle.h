// The HDF5 C library with owners for its handles and Errors for its failures. The library keeps global state:
// one thread at a time.
#pragma once

#include "core/support/result.h"

#include <hdf5.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace halfstep::hdf5 {

/// Closes what it holds.
class Handle {
public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t))
      : m_id(id)
      , m_close(close) {}
  ~Handle() {
    if (m_id >= 0 && m_close != nullptr) {
      m_close(m_id);
    }
  }
  Handle(Handle&& other) noexcept
      : m_id(std::exchange(other.m_id, -1))
      , m_close(other.m_close) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(m_id, other.m_id);
    std::swap(m_close, other.m_close);
    return *this;
  }
  bool isValid() const { return m_id >= 0; }
  hid_t id() const { return m_id; }

private:
  hid_t m_id = -1;
  herr_t (*m_close)(hid_t) = nullptr;
};

/// The memory type of T's numbers.
template <class T>
hid_t nativeType();
template <>
inline hid_t nativeType<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
inline hid_t nativeType<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
inline hid_t nativeType<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
inline hid_t nativeType<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}
template <>
inline hid_t nativeType<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
inline hid_t nativeType<std::uint32_t>() {
  return H5T_NATIVE_UINT32;
}

// Writing: failures (memory, for everything is written there first) are gathered by the caller, who looks at
// the returned status. 0 or more is good.
herr_t writeText(hid_t object, const char* attribute, const std::string& text);
herr_t writeTexts(hid_t parent, const char* dataset, const std::vector<std::string>& texts);
herr_t writeAttribute(hid_t object, const char* attribute, hid_t type, const void* values, std::size_t count);
/// `shape`: the axes' lengths, the last one varying fastest. Compressed from 4,096 elements on; without the
/// time it was made at, so that the same values give the same file.
herr_t writeDataset(hid_t parent, const char* name, hid_t type, const void* values,
                    const std::vector<hsize_t>& shape, const char* unit);

template <class T>
herr_t writeAttribute(hid_t object, const char* attribute, const std::vector<T>& values) {
  return writeAttribute(object, attribute, nativeType<T>(), values.data(), values.size());
}
template <class T>
herr_t writeNumber(hid_t object, const char* attribute, T value) {
  return writeAttribute(object, attribute, nativeType<T>(), &value, 1);
}
template <class T>
herr_t writeDataset(hid_t parent, const char* name, const std::vector<T>& values, const char* unit) {
  return writeDataset(parent, name, nativeType<T>(), values.data(), {values.size()}, unit);
}
/// Precondition: `values` has as many elements as `shape` says.
template <class T>
herr_t writeArray(hid_t parent, const char* name, const std::vector<T>& values,
                  const std::vector<hsize_t>& shape, const char* unit) {
  return writeDataset(parent, name, nativeType<T>(), values.data(), shape, unit);
}

/// A new file in memory; nothing reaches the disk.
Handle newMemoryFile();
/// One to read, from the bytes of a file, which are copied. Not valid where they are none.
Handle openImage(std::span<const std::byte> image);
/// The bytes of a file in memory. Error: not enough memory.
Result<std::vector<std::byte>> imageOf(const Handle& file);
/// "000012", so that groups are listed in the order of their numbers.
std::string groupName(std::size_t index);
/// A new group; check isValid().
Handle makeGroup(hid_t parent, const std::string& name);

// Reading: errors are of kind `damagedFile` and name the attribute or data set.
Result<std::string> readText(hid_t object, const char* attribute);
Result<std::vector<std::string>> readTexts(hid_t parent, const char* dataset, std::size_t most);
/// The number of elements; at most `most`.
Result<std::size_t> readCount(hid_t space, const std::string& name, std::size_t most);

template <class T>
Result<std::vector<T>> readAttribute(hid_t object, const char* attribute, std::size_t most) {
  const Handle opened(H5Aopen(object, attribute, H5P_DEFAULT), H5Aclose);
  if (!opened.isValid()) {
    return Error{ErrorKind::damagedFile, std::string("the attribute ") + attribute + " is missing"};
  }
  const Handle space(H5Aget_space(opened.id()), H5Sclose);
  HALFSTEP_TRY(const std::size_t count, readCount(space.id(), attribute, most));
  std::vector<T> values(count);
  if (count > 0 && H5Aread(opened.id(), nativeType<T>(), values.data()) < 0) {
    return Error{ErrorKind::damagedFile, std::string("the attribute ") + attribute + " holds no numbers"};
  }
  return values;
}
template <class T>
Result<T> readNumber(hid_t object, const char* attribute) {
  HALFSTEP_TRY(const std::vector<T> values, readAttribute<T>(object, attribute, 1));
  if (values.size() != 1) {
    return Error{ErrorKind::damagedFile, std::string("the attribute ") + attribute + " is no single number"};
  }
  return values.front();
}
template <class T>
Result<std::vector<T>> readDataset(hid_t parent, const char* name, std::size_t most) {
  const Handle opened(H5Dopen2(parent, name, H5P_DEFAULT), H5Dclose);
  if (!opened.isValid()) {
    return Error{ErrorKind::damagedFile, std::string("the data set ") + name + " is missing"};
  }
  const Handle space(H5Dget_space(opened.id()), H5Sclose);
  HALFSTEP_TRY(const std::size_t count, readCount(space.id(), name, most));
  std::vector<T> values(count);
  if (count > 0 && H5Dread(opened.id(), nativeType<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    return Error{ErrorKind::damagedFile, std::string("the data set ") + name + " cannot be read"};
  }
  return values;
}

} // namespace halfstep::hdf5
