#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"

using namespace halfstep;

class SchemeGrammarTest : public test::TestCase {
  Q_OBJECT
private slots:
  void printsCanonically_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("canonical");
    const auto row = [](const char* text, const char* canonical) {
      QTest::newRow(text) << text << canonical;
    };
    row("int8", "int8");
    row("int8:sym:restricted:channel:minmax:even:rtn", "int8");
    row("uint8", "uint8");
    row("uint8:asym:full", "uint8");
    row("int4:gptq:mse:group64:asym", "int4:asym:group64:mse:gptq");
    row("int8:asym", "int8:asym");
    row("int8:asym:restricted", "int8:asym:restricted");
    row("uint8:sym", "uint8:sym");
    row("uint8:tensor:pct99.99", "uint8:tensor:pct99.99");
    row("int4:fixed(-0.5,0.25)", "int4:fixed(-0.5,0.25)");
    row("nf4:group64", "nf4:group64");
    row("int4:smooth0.5+gptq", "int4:smooth0.5+gptq");
    row("int4:hqq", "int4:hqq");
    row("int4:hqq:hqq", "int4:hqq:hqq");
    row("int4:minmax:hqq", "int4:minmax:hqq");
    row("int8:pow2:tensor:away", "int8:pow2:tensor:away");
    row("int4:absmax", "int4:absmax");
    row("q4_k", "q4_k");
    row("fp32", "fp32");
  }
  void printsCanonically() {
    QFETCH(QString, text);
    QFETCH(QString, canonical);
    const auto scheme = parseScheme(text.toStdString());
    VERIFY_OK(scheme);
    QCOMPARE(QString::fromStdString(printScheme(*scheme)), canonical);
    const auto again = parseScheme(printScheme(*scheme));
    VERIFY_OK(again);
    QVERIFY(*again == *scheme);
  }

  void parseAndPrintAreInverse() {
    int count = 0;
    for (const FormatFacts& facts : allFormats()) {
      for (const Mapping mapping : {Mapping::symmetric, Mapping::asymmetric, Mapping::powerOfTwo}) {
        for (const CodeRange codes :
             {CodeRange::restricted, CodeRange::full, CodeRange::halfstep, CodeRange::absmax}) {
          for (const Granularity& granularity : {Granularity{}, Granularity{Granularity::Kind::tensor, 0},
                                                 Granularity{Granularity::Kind::group, 48}}) {
            for (const RangeRule& range : {RangeRule{}, RangeRule{RangeRule::Kind::percentile, 99.97, 0, 0},
                                           RangeRule{RangeRule::Kind::hqq, 0, 0, 0},
                                           RangeRule{RangeRule::Kind::fixed, 0, -1e-3, 0.1}}) {
              for (const auto& method :
                   {std::vector<MethodStep>{}, {{"hqq"}}, {{"smooth", 0.85, true}, {"gptq"}}}) {
                const Scheme scheme{facts.format, mapping, codes, granularity, range, Rounding::up, method};
                const auto again = parseScheme(printScheme(scheme));
                VERIFY_OK(again);
                QVERIFY2(*again == scheme, printScheme(scheme).c_str());
                ++count;
              }
            }
          }
        }
      }
    }
    QVERIFY(count > 5000);
  }

  void namesWhatIsWrong_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QStringList>("parts");
    QTest::newRow("format") << "int9" << QStringList{"'int9'", "character 1", "int8"};
    QTest::newRow("strength") << "int8:smooth1e20+gptq" << QStringList{"'smooth1e20'", "character 6", "1000"};
    QTest::newRow("token") << "int4:asim" << QStringList{"'asim'", "character 6", "asym"};
    QTest::newRow("twice") << "int4:sym:asym" << QStringList{"second mapping", "'asym'", "character 10"};
    QTest::newRow("empty") << "" << QStringList{"''"};
    QTest::newRow("empty token") << "int4:" << QStringList{"''", "character 6"};
    QTest::newRow("group") << "int4:group8" << QStringList{"16 to 1024", "'group8'"};
    QTest::newRow("percentile") << "int4:pct40" << QStringList{"pct99.9", "'pct40'"};
    QTest::newRow("fixed") << "int4:fixed(1,-1)" << QStringList{"lo below hi"};
    QTest::newRow("fixed nan") << "int4:fixed(nan,1)" << QStringList{"fixed(lo,hi)"};
    QTest::newRow("method part") << "int4:smooth0.5+gptx" << QStringList{"'gptx'", "character 16", "gptq"};
  }
  void namesWhatIsWrong() {
    QFETCH(QString, text);
    QFETCH(QStringList, parts);
    const auto scheme = parseScheme(text.toStdString());
    QVERIFY(!scheme);
    QCOMPARE(scheme.error().kind, ErrorKind::usage);
    const QString message = QString::fromStdString(scheme.error().what);
    for (const QString& part : parts) {
      QVERIFY2(message.contains(part), qPrintable(message));
    }
  }

  void saysWhatIsNotThereYet() {
    for (const char* text : {"nf4:group64", "int4:gptq", "int4:range", "int4:hqq", "int4:smooth0.5"}) {
      const auto scheme = parseScheme(text);
      if (!scheme) {
        QCOMPARE(std::string(text), std::string("int4:range"));
        continue;
      }
      const auto supported = checkSupported(*scheme);
      QVERIFY(!supported);
      QCOMPARE(supported.error().kind, ErrorKind::unsupported);
    }
    for (const char* text :
         {"fp16:asym", "fp8e4m3:full", "bf16:away", "int4:asym:absmax", "int4:pow2:absmax"}) {
      const auto supported = checkSupported(parseScheme(text).value());
      QVERIFY(!supported);
      QCOMPARE(supported.error().kind, ErrorKind::usage);
    }
    for (const char* text : {"fp16", "fp8e4m3:tensor", "int2", "uint16:sym", "int4:asym:group64:kl"}) {
      VERIFY_OK(checkSupported(parseScheme(text).value()));
    }
  }

  void knowsTheCodes() {
    QVERIFY((codeLimits(NumberFormat::int8, CodeRange::restricted) == CodeLimits{-127, 127, 0}));
    QVERIFY((codeLimits(NumberFormat::int4, CodeRange::full) == CodeLimits{-8, 7, 0}));
    QVERIFY((codeLimits(NumberFormat::uint4, CodeRange::full) == CodeLimits{0, 15, 8}));
    QVERIFY((codeLimits(NumberFormat::uint8, CodeRange::restricted) == CodeLimits{1, 255, 128}));
    QVERIFY((codeLimits(NumberFormat::int2, CodeRange::restricted) == CodeLimits{-1, 1, 0}));
  }
};

QTEST_GUILESS_MAIN(SchemeGrammarTest)
#include "tst_scheme_grammar.moc"
