#include "plugins/shared/hdf5/hdf5_handle.h"

#include <algorithm>

namespace halfstep::hdf5 {

namespace {

constexpr std::size_t kMostText = 1 << 16; // bytes
constexpr hsize_t kChunk = 4096;           // elements
constexpr unsigned kCompression = 4;

Handle textType(std::size_t length) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), std::max<std::size_t>(length, 1));
  H5Tset_strpad(type.id(), H5T_STR_NULLPAD);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  return type;
}

/// Texts cut to their own lengths from equal fields.
std::string trimmed(const char* field, std::size_t length) {
  std::string text(field, length);
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

Handle memoryAccess() {
  constexpr std::size_t kGrowth = std::size_t{1} << 20;
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.id(), kGrowth, 0);
  return access;
}

} // namespace

herr_t writeText(hid_t object, const char* attribute, const std::string& text) {
  const Handle type = textType(text.size());
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle made(H5Acreate2(object, attribute, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const std::string bytes = text.empty() ? std::string(1, '\0') : text;
  return made.isValid() ? H5Awrite(made.id(), type.id(), bytes.data()) : -1;
}

herr_t writeTexts(hid_t parent, const char* dataset, const std::vector<std::string>& texts) {
  std::size_t longest = 1;
  for (const std::string& text : texts) {
    longest = std::max(longest, text.size());
  }
  std::string fields(longest * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(), fields.begin() + static_cast<std::ptrdiff_t>(i * longest));
  }
  const Handle type = textType(longest);
  return writeDataset(parent, dataset, type.id(), fields.data(), {texts.size()}, nullptr);
}

herr_t writeAttribute(hid_t object, const char* attribute, hid_t type, const void* values,
                      std::size_t count) {
  const hsize_t length = count;
  const Handle space(count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &length, nullptr), H5Sclose);
  const Handle made(H5Acreate2(object, attribute, type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!made.isValid()) {
    return -1;
  }
  return count > 0 ? H5Awrite(made.id(), type, values) : 0;
}

herr_t writeDataset(hid_t parent, const char* name, hid_t type, const void* values,
                    const std::vector<hsize_t>& shape, const char* unit) {
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties.id(), false);
  hsize_t count = 1;
  for (const hsize_t length : shape) {
    count *= length;
  }
  if (count >= kChunk) { // worth compressing: whole rows, about kChunk elements
    std::vector<hsize_t> chunk = shape;
    chunk.front() = std::clamp<hsize_t>(kChunk / (count / shape.front()), 1, shape.front());
    H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(properties.id());
    H5Pset_deflate(properties.id(), kCompression);
  }
  const Handle made(H5Dcreate2(parent, name, type, space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
                    H5Dclose);
  if (!made.isValid() ||
      (count > 0 && H5Dwrite(made.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)) {
    return -1;
  }
  return unit != nullptr ? writeText(made.id(), "units", unit) : 0;
}

Handle newMemoryFile() {
  const Handle access = memoryAccess();
  return {H5Fcreate("halfstep", H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose};
}

Handle openImage(std::span<const std::byte> image) {
  const Handle access = memoryAccess();
  H5Pset_file_image(access.id(), const_cast<std::byte*>(image.data()), image.size()); // copies it
  return {H5Fopen("halfstep", H5F_ACC_RDONLY, access.id()), H5Fclose};
}

Result<std::vector<std::byte>> imageOf(const Handle& file) {
  const Error noMemory{ErrorKind::failed, "HDF5 could not write it (not enough memory?)"};
  const bool good = H5Fflush(file.id(), H5F_SCOPE_GLOBAL) >= 0;
  const ssize_t size = good ? H5Fget_file_image(file.id(), nullptr, 0) : -1;
  if (size <= 0) {
    return noMemory;
  }
  std::vector<std::byte> image(static_cast<std::size_t>(size));
  if (H5Fget_file_image(file.id(), image.data(), image.size()) != size) {
    return noMemory;
  }
  return image;
}

std::string groupName(std::size_t index) {
  std::string digits = std::to_string(index);
  constexpr std::size_t kDigits = 6;
  return digits.size() < kDigits ? std::string(kDigits - digits.size(), '0') + digits : digits;
}

Handle makeGroup(hid_t parent, const std::string& name) {
  return {H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose};
}

Result<std::size_t> readCount(hid_t space, const std::string& name, std::size_t most) {
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 0 || static_cast<std::size_t>(count) > most) {
    return Error{ErrorKind::damagedFile, name + " has " + std::to_string(count) + " elements, at most " +
                                             std::to_string(most) + " make sense"};
  }
  return static_cast<std::size_t>(count);
}

Result<std::string> readText(hid_t object, const char* attribute) {
  const Handle opened(H5Aopen(object, attribute, H5P_DEFAULT), H5Aclose);
  const Handle type(opened.isValid() ? H5Aget_type(opened.id()) : -1, H5Tclose);
  const Handle space(opened.isValid() ? H5Aget_space(opened.id()) : -1, H5Sclose);
  const std::size_t length = type.isValid() ? H5Tget_size(type.id()) : 0;
  if (!type.isValid() || H5Tget_class(type.id()) != H5T_STRING || H5Tis_variable_str(type.id()) > 0 ||
      H5Sget_simple_extent_npoints(space.id()) != 1 || length > kMostText) {
    return Error{ErrorKind::damagedFile,
                 std::string("the attribute ") + attribute + " is missing or no text"};
  }
  std::string field(length, '\0');
  if (H5Aread(opened.id(), type.id(), field.data()) < 0) {
    return Error{ErrorKind::damagedFile, std::string("the attribute ") + attribute + " cannot be read"};
  }
  return trimmed(field.data(), length);
}

Result<std::vector<std::string>> readTexts(hid_t parent, const char* dataset, std::size_t most) {
  const Handle opened(H5Dopen2(parent, dataset, H5P_DEFAULT), H5Dclose);
  const Handle type(opened.isValid() ? H5Dget_type(opened.id()) : -1, H5Tclose);
  const Handle space(opened.isValid() ? H5Dget_space(opened.id()) : -1, H5Sclose);
  if (!type.isValid() || H5Tget_class(type.id()) != H5T_STRING || H5Tis_variable_str(type.id()) > 0) {
    return Error{ErrorKind::damagedFile,
                 std::string("the data set ") + dataset + " is missing or holds no texts"};
  }
  HALFSTEP_TRY(const std::size_t count, readCount(space.id(), dataset, most));
  const std::size_t length = H5Tget_size(type.id());
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  if (length > kMostText || length * count > kMostBytes) {
    return Error{ErrorKind::damagedFile, std::string("the texts of ") + dataset + " are absurdly long"};
  }
  std::string fields(length * count, '\0');
  if (count > 0 && H5Dread(opened.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, fields.data()) < 0) {
    return Error{ErrorKind::damagedFile, std::string("the data set ") + dataset + " cannot be read"};
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(trimmed(fields.data() + i * length, length));
  }
  return texts;
}

} // namespace halfstep::hdf5
