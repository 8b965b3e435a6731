// Letting go of a file's pages frees memory and changes nothing; memory that is no view of a file stays.
#include "core/support/mapped_file.h"
#include "core/support/mapped_pages.h"
#include "tests/support/test_case.h"

#include <QTemporaryDir>

#include <fstream>
#include <numeric>
#include <sstream>

#include <sys/mman.h>

using namespace halfstep;

namespace {

constexpr std::size_t kSize = std::size_t{1} << 21;

std::vector<std::byte> pattern() {
  std::vector<std::byte> bytes(kSize);
  for (std::size_t i = 0; i < kSize; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / 4096);
  }
  return bytes;
}

/// How much of the mapping that holds `address` is resident, in kB.
long residentKilobytes(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<unsigned long>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long from = 0;
    unsigned long to = 0;
    long kilobytes = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) == 2) {
      inside = from <= wanted && wanted < to;
    } else if (inside && std::sscanf(line.c_str(), "Rss: %ld kB", &kilobytes) == 1) {
      return kilobytes;
    }
  }
  return -1;
}

} // namespace

class MappedPagesTest : public test::TestCase {
  Q_OBJECT
private slots:
  void pagesOfAFileGoAndComeBack() {
    const QTemporaryDir folder;
    const std::string path = folder.filePath("bytes").toStdString();
    const std::vector<std::byte> expected = pattern();
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(expected.data()), kSize);
    const auto file = MappedFile::open(path).value();
    const std::span<const std::byte> bytes = file->bytes();
    QVERIFY(std::equal(bytes.begin(), bytes.end(), expected.begin()));
    const long before = residentKilobytes(bytes.data());
    QVERIFY(before >= static_cast<long>(kSize / 1024));
    releaseMappedPages(bytes.subspan(100, kSize / 2)); // not at the bounds of pages
    const long after = residentKilobytes(bytes.data());
    QVERIFY2(after <= before - static_cast<long>(kSize / 2048) + 8, std::to_string(after).c_str());
    QVERIFY(std::equal(bytes.begin(), bytes.end(), expected.begin()));
  }

  void otherMemoryStays() {
    const std::vector<std::byte> own = pattern();
    releaseMappedPages(own);
    QVERIFY(own == pattern());
    auto* anonymous = static_cast<std::byte*>(
        ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    std::copy(own.begin(), own.end(), anonymous);
    ::mprotect(anonymous, kSize, PROT_READ);
    releaseMappedPages({anonymous, kSize});
    QVERIFY(std::equal(own.begin(), own.end(), anonymous));
    ::munmap(anonymous, kSize);
    releaseMappedPages({});
  }
};

QTEST_GUILESS_MAIN(MappedPagesTest)
#include "tst_mapped_pages.moc"
