#include "core/io/archive_arrays.h"

#include "core/io/array_samples.h"
#include "core/io/idx_file.h"
#include "core/io/npy_file.h"

#include <algorithm>

namespace halfstep {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSniffedBytes = 64;

Error inFile(Error error, const fs::path& file) {
  if (error.file.empty()) {
    error.file = file.string();
  }
  return error;
}

/// The length of an unpacked .npy or IDX file, from its head.
Result<std::optional<std::uint64_t>> statedSize(std::span<const std::byte> head) {
  const auto total = [](const auto& header) -> Result<std::optional<std::uint64_t>> {
    if (!header) {
      return std::optional<std::uint64_t>();
    }
    HALFSTEP_TRY(const std::size_t count, elementCount(header->shape));
    return std::optional<std::uint64_t>(header->start + packedBytes(header->type, count));
  };
  if (looksLikeIdx(head)) {
    HALFSTEP_TRY(const auto header, readIdxHeader(head));
    return total(header);
  }
  HALFSTEP_TRY(const auto header, readNpyHeader(head));
  return total(header);
}

Result<Tensor> tensorIn(const std::shared_ptr<const MappedFile>& file) {
  return looksLikeIdx(file->bytes()) ? idxTensor(file) : npyTensor(file);
}

Result<std::unique_ptr<const Archive>> archiveAt(const fs::path& file, const ArchiveReader* archives) {
  if (archives == nullptr) {
    return Error{ErrorKind::unsupported,
                 "is compressed, and the plug-in that unpacks archives was not found",
                 {},
                 file.string()};
  }
  return archives->open(file);
}

} // namespace

bool isArchive(std::span<const std::byte> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06") || text.starts_with("\x1f\x8b");
}

Result<std::vector<std::byte>> headOf(const fs::path& path) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto head = file->bytes().first(std::min(file->bytes().size(), kSniffedBytes));
  return std::vector<std::byte>(head.begin(), head.end());
}

Result<NamedArray> arrayIn(const fs::path& path, const ArchiveReader* archives, const JobContext& context) {
  HALFSTEP_TRY(const auto head, headOf(path));
  NamedArray array{path.stem().string(), path.string(), {}};
  const auto read = [&]() -> Result<Tensor> {
    if (!isArchive(head)) {
      HALFSTEP_TRY(const auto file, MappedFile::open(path));
      return tensorIn(file);
    }
    HALFSTEP_TRY(const auto archive, archiveAt(path, archives));
    if (archive->members().size() != 1) {
      return Error{ErrorKind::usage, "holds several files; expected one array"};
    }
    HALFSTEP_TRY(const auto file, unpackMember(*archive, 0, statedSize, context));
    return tensorIn(file);
  };
  auto tensor = read();
  if (!tensor) {
    return inFile(tensor.error(), path);
  }
  array.tensor = std::move(*tensor);
  return array;
}

WantedMember membersFor(const Model& model) {
  std::vector<std::string> inputs;
  for (const ValueInfo& input : model.graph.inputs) {
    inputs.push_back(input.name);
    std::replace(inputs.back().begin(), inputs.back().end(), '/', '_');
    inputs.push_back(input.name);
  }
  return [inputs = std::move(inputs)](const std::string& name, const std::vector<std::string>& all) {
    const auto namesInput = [&](const std::string& candidate) {
      return std::find(inputs.begin(), inputs.end(), candidate) != inputs.end();
    };
    return isLabelName(name) || namesInput(name) || std::none_of(all.begin(), all.end(), namesInput);
  };
}

Result<std::vector<NamedArray>> arraysIn(const fs::path& path, const ArchiveReader* archives,
                                         const WantedMember& wanted, const JobContext& context) {
  HALFSTEP_TRY(const auto archive, archiveAt(path, archives));
  constexpr std::string_view kSuffix = ".npy";
  std::vector<std::string> names;
  for (const ArchiveMember& member : archive->members()) {
    const bool array = member.name.ends_with(kSuffix);
    names.push_back(array ? member.name.substr(0, member.name.size() - kSuffix.size()) : std::string());
  }
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); })) {
    return Error{ErrorKind::damagedFile, "holds no arrays (.npy)", {}, path.string()};
  }
  std::vector<NamedArray> arrays;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || !wanted(names[i], names)) {
      continue;
    }
    NamedArray array{names[i], path.string() + ", member " + names[i], {}};
    auto file = unpackMember(*archive, i, statedSize, context);
    if (!file) {
      return inFile(file.error(), array.place);
    }
    auto tensor = tensorIn(*file);
    if (!tensor) {
      return inFile(tensor.error(), array.place);
    }
    array.tensor = std::move(*tensor);
    arrays.push_back(std::move(array));
  }
  return arrays;
}

} // namespace halfstep
