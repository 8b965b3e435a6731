// A mapped file that becomes shorter costs nobody the program: what it lost reads as zeros, and that is told.
#include "core/support/mapped_file.h"
#include "tests/support/test_case.h"

#include <QTemporaryDir>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halfstep;

namespace {

constexpr qint64 kSize = 64 * 1024;
constexpr qint64 kRest = 8 * 1024 + 100; ///< ends within a page
constexpr int kHandled = 42;

extern "C" void endOfTheChild(int) {
  _exit(kHandled);
}

std::size_t zerosIn(std::span<const std::byte> bytes) {
  return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), std::byte{0}));
}

} // namespace

class MappedFileTest : public test::TestCase {
  Q_OBJECT

  QTemporaryDir m_folder;

  std::string write(const char* name) const {
    QFile file(m_folder.filePath(name));
    const bool written = file.open(QIODevice::WriteOnly) && file.write(QByteArray(kSize, 'x')) == kSize;
    return written ? file.fileName().toStdString() : std::string();
  }
  static bool shorten(const std::string& path, qint64 size) {
    return ::truncate(path.c_str(), static_cast<off_t>(size)) == 0;
  }
  static void expectShorter(const Result<void>& checked, const std::string& path) {
    QVERIFY(!checked);
    QCOMPARE(checked.error().message(), path + ": became shorter while it was open");
    QCOMPARE(checked.error().kind, ErrorKind::failed);
  }

private slots:
  void initTestCase() {
    // Before the first mapping: whatever is no view of a file that is known goes there.
    std::signal(SIGBUS, endOfTheChild);
  }

  void whatItLostReadsAsZeros() {
    const std::string path = write("cut");
    const auto file = MappedFile::open(path).value();
    VERIFY_OK(file->check());
    VERIFY_OK(MappedFile::checkEver());
    QVERIFY(shorten(path, kRest));
    QCOMPARE(zerosIn(file->bytes()), static_cast<std::size_t>(kSize - kRest));
    expectShorter(file->check(), path);
    expectShorter(MappedFile::checkBytes(file->bytes().subspan(100, 1)), path);
    expectShorter(MappedFile::checkOpen(), path);
    // It may grow again: what was read meanwhile was wrong.
    QVERIFY(shorten(path, kSize));
    expectShorter(file->check(), path);
  }

  void withinItsLastPage() {
    const std::string path = write("page");
    const auto other = MappedFile::open(write("other")).value();
    {
      const auto file = MappedFile::open(path).value();
      QVERIFY(shorten(path, kSize - 1)); // no signal tells this
      expectShorter(file->check(), path);
      VERIFY_OK(other->check());
      VERIFY_OK(MappedFile::checkBytes(other->bytes()));
      VERIFY_OK(MappedFile::checkBytes({}));
    }
    VERIFY_OK(MappedFile::checkOpen());
    QVERIFY(!MappedFile::checkEver());
  }

  void aFileThatWasReplacedIsWhole() {
    const std::string path = write("replaced");
    const auto file = MappedFile::open(path).value();
    QCOMPARE(::unlink(path.c_str()), 0);
    QFile next(QString::fromStdString(path));
    QVERIFY(next.open(QIODevice::WriteOnly) && next.write("short") == 5);
    next.close();
    QCOMPARE(zerosIn(file->bytes()), std::size_t{0});
    VERIFY_OK(file->check());
  }

  void manyReadersAtOnce() {
    const std::string path = write("many");
    const auto file = MappedFile::open(path).value();
    QVERIFY(shorten(path, 0));
    std::atomic<std::size_t> zeros = 0;
    {
      std::vector<std::jthread> readers;
      for (int i = 0; i < 8; ++i) {
        readers.emplace_back([&] { zeros += zerosIn(file->bytes()); });
      }
    }
    QCOMPARE(zeros.load(), static_cast<std::size_t>(8 * kSize));
    expectShorter(file->check(), path);
  }

  void otherBusErrorsGoWhereTheyWent() {
    const auto known = MappedFile::open(write("known")).value(); // the handler is there
    const std::string path = write("foreign");
    QFile file(QString::fromStdString(path));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const auto* view =
        static_cast<const volatile char*>(::mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, file.handle(), 0));
    QVERIFY(shorten(path, 0));
    const pid_t child = ::fork();
    if (child == 0) {
      _exit(view[0]);
    }
    int status = 0;
    QCOMPARE(::waitpid(child, &status, 0), child);
    QVERIFY(WIFEXITED(status));
    QCOMPARE(WEXITSTATUS(status), kHandled);
    ::munmap(const_cast<char*>(view), kSize);
  }
};

QTEST_GUILESS_MAIN(MappedFileTest)
#include "tst_mapped_file.moc"
