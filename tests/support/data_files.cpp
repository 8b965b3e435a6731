#include "tests/support/data_files.h"

#include <QFile>

#include <zlib.h>

namespace halfstep::test {

namespace {

void append(QByteArray& bytes, quint32 value, int count) {
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<char>(value >> (8 * i)));
  }
}

/// zlib's compression; `windowBits` as for deflateInit2.
QByteArray compressed(const QByteArray& data, int windowBits) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY);
  QByteArray out(static_cast<qsizetype>(deflateBound(&stream, static_cast<uLong>(data.size()))) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.constData()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(static_cast<qsizetype>(stream.total_out));
  deflateEnd(&stream);
  return out;
}

} // namespace

QByteArray npyBytes(const char* descriptor, const QByteArray& shape, const QByteArray& data) {
  QByteArray header =
      QByteArray("{'descr': '") + descriptor + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header += QByteArray(64 - (10 + header.size() + 1) % 64, ' ') + "\n";
  QByteArray file("\x93NUMPY\x01\x00", 8);
  append(file, static_cast<quint32>(header.size()), 2);
  return file + header + data;
}

QByteArray zipBytes(const std::vector<std::pair<QByteArray, QByteArray>>& files, ZipMethod method,
                    quint32 claim) {
  constexpr int kRaw = -MAX_WBITS;
  QByteArray archive;
  QByteArray directory;
  for (const auto& [name, content] : files) {
    const QByteArray data = method == ZipMethod::stored ? content : compressed(content, kRaw);
    const auto start = static_cast<quint32>(archive.size());
    QByteArray common;
    append(common, 20, 2);                                  // version
    append(common, 0, 2);                                   // flags
    append(common, method == ZipMethod::stored ? 0 : 8, 2); // method
    append(common, 0x00210000, 4);                          // time, date: 1 January 1980
    append(common,
           static_cast<quint32>(crc32(0, reinterpret_cast<const Bytef*>(content.constData()),
                                      static_cast<uInt>(content.size()))),
           4);
    append(common, static_cast<quint32>(data.size()), 4);
    append(common, claim != 0 ? claim : static_cast<quint32>(content.size()), 4);
    append(common, static_cast<quint32>(name.size()), 2);
    append(common, 0, 2); // extra
    append(archive, 0x04034b50, 4);
    archive += common + name + data;
    append(directory, 0x02014b50, 4);
    append(directory, 20, 2);
    directory += common;
    append(directory, 0, 2); // comment
    append(directory, 0, 2); // disk
    append(directory, 0, 2); // attributes
    append(directory, 0, 4);
    append(directory, start, 4);
    directory += name;
  }
  const auto start = static_cast<quint32>(archive.size());
  archive += directory;
  append(archive, 0x06054b50, 4);
  append(archive, 0, 4);
  append(archive, static_cast<quint32>(files.size()), 2);
  append(archive, static_cast<quint32>(files.size()), 2);
  append(archive, static_cast<quint32>(directory.size()), 4);
  append(archive, start, 4);
  append(archive, 0, 2);
  return archive;
}

QByteArray gzipBytes(const QByteArray& data) {
  return compressed(data, 16 + MAX_WBITS);
}

QByteArray idxBytes(const std::vector<quint32>& dimensions, const QByteArray& data) {
  QByteArray file("\0\0\x08", 3);
  file.append(static_cast<char>(dimensions.size()));
  for (const quint32 dimension : dimensions) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      file.append(static_cast<char>(dimension >> shift));
    }
  }
  return file + data;
}

void writeBytes(const std::filesystem::path& path, const QByteArray& bytes) {
  std::filesystem::create_directories(path.parent_path());
  QFile file(QString::fromStdString(path.string()));
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size()) {
    qFatal("cannot write %s", path.c_str());
  }
}

ValueInfo valueOf(const char* name, ElementType type, const std::vector<std::int64_t>& shape) {
  ValueInfo info;
  info.name = name;
  info.type = type;
  info.hasShape = true;
  for (const std::int64_t length : shape) {
    info.shape.push_back({length, length < 0 ? "n" : ""});
  }
  return info;
}

Model modelOf(std::vector<ValueInfo> inputs, const std::vector<std::int64_t>& output) {
  Model model;
  model.graph.inputs = std::move(inputs);
  model.graph.outputs = {valueOf("out", ElementType::float32, output)};
  return model;
}

} // namespace halfstep::test
