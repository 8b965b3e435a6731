// Files are replaced whole; what is there and no regular file is written into and stays what it is.
#include "core/io/atomic_file.h"
#include "core/support/mapped_file.h"
#include "tests/support/test_case.h"

#include <QDir>
#include <QTemporaryDir>

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace halfstep;

namespace {

QByteArray contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("cannot be read");
}

bool isPipe(const QString& path) {
  struct stat status {};
  return ::lstat(QFile::encodeName(path).constData(), &status) == 0 && S_ISFIFO(status.st_mode);
}

/// The reading end of a named pipe. What the tests write fits into the pipe, so nobody waits.
class Reader {
public:
  explicit Reader(const QString& pipe)
      : m_end(::open(QFile::encodeName(pipe).constData(), O_RDONLY | O_NONBLOCK)) {}
  ~Reader() { ::close(m_end); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  QByteArray content() const {
    char buffer[64];
    const auto length = ::read(m_end, buffer, sizeof buffer);
    return {buffer, std::max(length, ssize_t{0})};
  }

private:
  int m_end;
};

} // namespace

class AtomicFileTest : public test::TestCase {
  Q_OBJECT

  QTemporaryDir m_folder;

  QString path(const char* name) const { return m_folder.filePath(name); }
  std::string pathOf(const char* name) const { return path(name).toStdString(); }
  QString pipe(const char* name) const {
    return ::mkfifo(pathOf(name).c_str(), 0600) == 0 ? path(name) : QString();
  }

private slots:
  void cleanup() {
    const auto left = QDir(m_folder.path()).entryList(QDir::Files | QDir::System | QDir::Hidden);
    for (const QString& name : left) {
      QVERIFY2(!name.contains(QRegularExpression("\\.[A-Za-z0-9]{6}$")), qPrintable(name));
      QFile::remove(path(qPrintable(name)));
    }
  }

  void replacesTheFile() {
    VERIFY_OK(writeFileAtomically(pathOf("plain"), std::string_view("one")));
    VERIFY_OK(writeFileAtomically(pathOf("plain"), std::string_view("two")));
    QCOMPARE(contentOf(path("plain")), "two");
  }

  void aLinkStaysOne() {
    VERIFY_OK(writeFileAtomically(pathOf("file"), std::string_view("one")));
    QVERIFY(QFile::link(path("file"), path("link")));
    VERIFY_OK(writeFileAtomically(pathOf("link"), std::string_view("two")));
    QVERIFY(QFileInfo(path("link")).isSymLink());
    QVERIFY(!QFileInfo(path("file")).isSymLink());
    QCOMPARE(contentOf(path("file")), "two");
  }

  void aPipeIsWrittenInto() {
    const QString fifo = pipe("fifo");
    QVERIFY(QFile::link(fifo, path("link")));
    const Reader reader(fifo);
    for (const char* name : {"fifo", "link"}) {
      VERIFY_OK(writeFileAtomically(pathOf(name), std::string_view("through")));
      QVERIFY(isPipe(fifo));
      QCOMPARE(reader.content(), "through");
    }
  }

  void waitsForAReader() {
    const QString fifo = pipe("fifo");
    std::optional<Reader> reader;
    std::thread late([&] {
      QTest::qSleep(100);
      reader.emplace(fifo);
    });
    const auto file = AtomicFile::create(fifo.toStdString());
    late.join();
    VERIFY_OK(file);
    QVERIFY(isPipe(fifo));
  }

  void aPipeSurvivesAFailure() {
    std::signal(SIGPIPE, SIG_IGN); // as the programs do
    const QString fifo = pipe("fifo");
    std::optional<Reader> reader(fifo);
    auto file = AtomicFile::create(fifo.toStdString());
    VERIFY_OK(file);
    reader.reset();
    const auto written = file->append(std::as_bytes(std::span("text", 4)));
    QVERIFY(!written);
    QCOMPARE(written.error().file, fifo.toStdString());
    QVERIFY(isPipe(fifo));
  }

  void aPipeAmongFilesThatBelongTogether() {
    const QString fifo = pipe("fifo");
    VERIFY_OK(writeFileAtomically(pathOf("first"), std::string_view("old")));
    const Reader reader(fifo);
    const TextToWrite texts[] = {{fifo.toStdString(), "through"}, {pathOf("second"), "new"}};
    VERIFY_OK(writeFilesAtomically(texts));
    QVERIFY(isPipe(fifo));
    QCOMPARE(reader.content(), "through");
    QCOMPARE(contentOf(path("second")), "new");
  }

  void whatIsMappedStays() {
    VERIFY_OK(writeFileAtomically(pathOf("input"), std::string_view("one")));
    QVERIFY(QFile::link(path("input"), path("link")));
    {
      const auto mapped = MappedFile::open(pathOf("input"));
      VERIFY_OK(mapped);
      for (const char* name : {"input", "link"}) {
        const auto written = writeFileAtomically(pathOf(name), std::string_view("two"));
        QVERIFY(!written);
        QCOMPARE(written.error().kind, ErrorKind::usage);
        QCOMPARE(written.error().file, pathOf(name));
      }
      QCOMPARE(contentOf(path("input")), "one");
    }
    VERIFY_OK(writeFileAtomically(pathOf("input"), std::string_view("two")));
  }

  void manyMappings() {
    std::vector<std::shared_ptr<const MappedFile>> open;
    for (int i = 0; i < 200; ++i) {
      const std::string file = pathOf("many") + std::to_string(i);
      VERIFY_OK(writeFileAtomically(file, std::string_view("one")));
      open.push_back(MappedFile::open(file).value());
    }
    for (int i = 0; i < 200; i += 3) {
      open[static_cast<std::size_t>(i)].reset();
    }
    for (int i = 0; i < 200; ++i) {
      const std::string file = pathOf("many") + std::to_string(i);
      QCOMPARE(MappedFile::isOpen(file), i % 3 != 0);
    }
  }

  void aFolderIsNoFile() {
    const auto written = writeFileAtomically(m_folder.path().toStdString(), std::string_view("text"));
    QVERIFY(!written);
    QVERIFY2(written.error().what.find("directory") != std::string::npos, written.error().what.c_str());
  }
};

QTEST_GUILESS_MAIN(AtomicFileTest)
#include "tst_atomic_file.moc"
