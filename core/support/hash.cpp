#include "core/support/hash.h"

#include "core/support/mapped_file.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/evp.h>

namespace halfstep {

Result<std::string> sha256(std::span<const std::byte> bytes, const JobContext& context) {
  constexpr std::size_t kPiece = std::size_t{4} << 20; // about 10 ms without SHA instructions
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) {
    return Error{ErrorKind::failed, "SHA-256 is not available"};
  }
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    HALFSTEP_CHECK(context.checkpoint());
    const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
    EVP_DigestUpdate(digest.get(), piece.data(), piece.size());
    context.reportProgress(static_cast<double>(at + piece.size()) / static_cast<double>(bytes.size()));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(digest.get(), raw.data(), &length);
  std::string text;
  constexpr char kDigits[] = "0123456789abcdef";
  for (unsigned int i = 0; i < length; ++i) {
    text += kDigits[raw[i] >> 4];
    text += kDigits[raw[i] & 15];
  }
  return text;
}

Result<std::string> sha256OfFile(const std::filesystem::path& path, const JobContext& context) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  HALFSTEP_TRY(std::string hash, sha256(file->bytes(), context));
  HALFSTEP_CHECK(file->check());
  return hash;
}

} // namespace halfstep
