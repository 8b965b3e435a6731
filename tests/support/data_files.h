// Small data files built in memory, sound or not, and models for them, for tests of data sets.
#pragma once

#include "core/model/model.h"

#include <QByteArray>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace halfstep::test {

/// A .npy file, version 1.0. `shape` as it stands in the header: "2, 3".
QByteArray npyBytes(const char* descriptor, const QByteArray& shape, const QByteArray& data);
/// The bytes of numbers of one type.
template <class Number>
QByteArray rawBytes(const std::vector<Number>& numbers) {
  return QByteArray(reinterpret_cast<const char*>(numbers.data()),
                    static_cast<qsizetype>(numbers.size() * sizeof(Number)));
}

enum class ZipMethod { stored, deflated };
/// A zip archive. Where `claim` is not 0, the directory says that every file has that many bytes.
QByteArray zipBytes(const std::vector<std::pair<QByteArray, QByteArray>>& files, ZipMethod method,
                    quint32 claim = 0);
QByteArray gzipBytes(const QByteArray& data);
/// An IDX file of uint8 with these dimensions, whatever there is of data.
QByteArray idxBytes(const std::vector<quint32>& dimensions, const QByteArray& data);

/// A file, its folders made where they are missing; aborts the test program where that fails.
void writeBytes(const std::filesystem::path& path, const QByteArray& bytes);

/// A model of which data sets see only inputs and the output; −1 for a dimension left open.
ValueInfo valueOf(const char* name, ElementType type, const std::vector<std::int64_t>& shape);
Model modelOf(std::vector<ValueInfo> inputs, const std::vector<std::int64_t>& output);

} // namespace halfstep::test
