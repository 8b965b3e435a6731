#include "core/support/units.h"
#include "tests/support/test_case.h"

#include <cmath>

using namespace halfstep;

class UnitsTest : public test::TestCase {
  Q_OBJECT
private slots:
  void formats() {
    QCOMPARE(formatCount(147456), std::string("147\u202f456"));
    QCOMPARE(formatCount(-1234567), std::string("\u22121\u202f234\u202f567"));
    QCOMPARE(formatCount(999), std::string("999"));
    QCOMPARE(formatShortCount(25557032), std::string("25.6 M"));
    QCOMPARE(formatShortCount(9999), std::string("9\u202f999"));
    QCOMPARE(formatBytes(80179), std::string("78.3 KiB"));
    QCOMPARE(formatBytes(512), std::string("512 B"));
    QCOMPARE(formatBytes(std::int64_t{3} << 30), std::string("3.00 GiB"));
    QCOMPARE(formatReal(24.86), std::string("24.9"));
    QCOMPARE(formatReal(0.99837, 4), std::string("0.9984"));
    QCOMPARE(formatReal(1.31e-5), std::string("1.31e\u22125"));
    QCOMPARE(formatReal(-0.247), std::string("\u22120.247"));
    QCOMPARE(formatReal(NAN), std::string("–"));
    QCOMPARE(formatReal(0), std::string("0"));
    QCOMPARE(formatReal(2.5e7), std::string("2.50e7"));
    QCOMPARE(formatShare(0.0031), std::string("0.310\u202f%"));
  }
};

QTEST_GUILESS_MAIN(UnitsTest)
#include "tst_units.moc"
