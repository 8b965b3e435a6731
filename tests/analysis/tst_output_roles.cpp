// Which outputs hold distributions and along which axis: of every version of Softmax, behind changes of
// shape, and where there are none.
#include "core/analysis/evaluation.h"
#include "core/analysis/metric_choice.h"
#include "core/analysis/output_projections.h"
#include "core/io/sample_labels.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <algorithm>
#include <cmath>

using namespace halfstep;
using test::tensorOf;

namespace {

constexpr std::int64_t kDefault = 99; // no attribute

/// x → Softmax (or LogSoftmax) → `behind` … → y.
Model modelOf(std::int64_t opset, std::int64_t axis, const std::vector<const char*>& behind = {},
              const char* op = "Softmax") {
  Model model;
  model.opsets[""] = opset;
  Node softmax = test::operation(op, "softmax", {"x"}, {"v0"});
  if (axis != kDefault) {
    softmax.attributes["axis"] = axis;
  }
  model.graph.nodes.push_back(softmax);
  for (std::size_t i = 0; i < behind.size(); ++i) {
    model.graph.nodes.push_back(
        test::operation(behind[i], behind[i], {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)}));
  }
  model.graph.inputs = {test::floatValue("x", {1})};
  model.graph.outputs = {test::floatValue(("v" + std::to_string(behind.size())).c_str(), {})};
  return model;
}

using Distributions = std::vector<std::vector<float>>; ///< by row

Distributions rowsOf(std::size_t rows, std::size_t classes, unsigned seed) {
  const std::vector<float> random =
      toFloats(test::randomTensor({std::int64_t(rows), std::int64_t(classes)}, seed), {}).value();
  Distributions made(rows, std::vector<float>(classes));
  for (std::size_t row = 0; row < rows; ++row) {
    double sum = 0.0;
    for (std::size_t c = 0; c < classes; ++c) {
      sum += std::exp(double(random[row * classes + c]));
    }
    for (std::size_t c = 0; c < classes; ++c) {
      made[row][c] = static_cast<float>(std::exp(double(random[row * classes + c])) / sum);
    }
  }
  return made;
}

/// The rows as a tensor in which `inner` values lie between two classes.
Tensor placed(const Distributions& rows, const Shape& shape, std::size_t inner) {
  const std::size_t classes = rows.front().size();
  std::vector<float> values(rows.size() * classes);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t c = 0; c < classes; ++c) {
      values[(row / inner * classes + c) * inner + row % inner] = rows[row][c];
    }
  }
  return tensorOf(shape, values);
}

double divergenceOf(const Distributions& p, const Distributions& q) {
  double sum = 0.0;
  for (std::size_t row = 0; row < p.size(); ++row) {
    for (std::size_t c = 0; c < p[row].size(); ++c) {
      sum += p[row][c] * std::log(double(p[row][c]) / double(q[row][c]));
    }
  }
  return sum;
}

} // namespace

Q_DECLARE_METATYPE(halfstep::Shape)

class OutputRolesTest : public test::TestCase {
  Q_OBJECT

private slots:
  void distributionsLieAlongTheSoftmaxAxis_data() {
    QTest::addColumn<int>("opset");
    QTest::addColumn<int>("axis");
    QTest::addColumn<QStringList>("behind");
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("inner");
    const int none = static_cast<int>(kDefault);
    const auto row = [](const char* name, int opset, int axis, const QStringList& behind, const Shape& shape,
                        int rows, int inner) {
      QTest::newRow(name) << opset << axis << behind << shape << rows << inner;
    };
    row("a picture's classes", 13, 1, {}, {2, 3, 2, 2}, 8, 4);
    row("counted from the end", 17, -3, {}, {2, 3, 2, 2}, 8, 4);
    row("the last axis by default", 13, none, {}, {2, 3, 4}, 6, 1);
    row("before opset 13 all from axis 1", 9, none, {}, {1, 10, 1, 1}, 1, 1);
    row("of every sample", 12, none, {}, {3, 2, 2}, 3, 1);
    row("before opset 13 from another axis", 11, 2, {}, {2, 3, 4, 2}, 6, 1);
    row("behind a cast", 13, 1, {"Cast", "Identity"}, {1, 4, 3}, 3, 3);
    row("behind a squeeze", 9, none, {"Squeeze"}, {10}, 1, 1);
    row("behind a flatten", 13, 1, {"Flatten"}, {1, 10}, 1, 1);
    row("behind a reshape", 13, 1, {"Reshape", "Identity"}, {1, 3, 8}, 8, 8);
    row("not the last axis, though it is there", 13, 1, {"Unsqueeze"}, {2, 3, 5, 1}, 10, 5);
  }

  void distributionsLieAlongTheSoftmaxAxis() {
    QFETCH(const int, opset);
    QFETCH(const int, axis);
    QFETCH(const QStringList, behind);
    QFETCH(const Shape, shape);
    QFETCH(const int, rows);
    QFETCH(const int, inner);
    std::vector<std::string> texts;
    std::vector<const char*> operators;
    for (const QString& one : behind) {
      texts.push_back(one.toStdString());
    }
    for (const std::string& one : texts) {
      operators.push_back(one.c_str());
    }
    const std::size_t classes = elementCount(shape).value() / static_cast<std::size_t>(rows);
    const Distributions p = rowsOf(static_cast<std::size_t>(rows), classes, 1);
    const Distributions q = rowsOf(static_cast<std::size_t>(rows), classes, 2);
    std::vector<std::int64_t> targets; // the float network's own classes: all right
    for (const auto& one : p) {
      targets.push_back(std::max_element(one.begin(), one.end()) - one.begin());
    }
    const std::string name = "v" + std::to_string(operators.size());
    const auto figures = compareOutputs(outputRoles(modelOf(opset, axis, operators)),
                                        {{name, placed(p, shape, static_cast<std::size_t>(inner))}},
                                        {{name, placed(q, shape, static_cast<std::size_t>(inner))}}, targets);
    VERIFY_OK(figures);
    QCOMPARE(figures->rows, std::int64_t{rows});
    const double expected = divergenceOf(p, q);
    QVERIFY2(std::abs(figures->divergence / expected - 1.0) < 1e-4,
             qPrintable(QString("%1 of %2").arg(figures->divergence).arg(expected)));
    QVERIFY(std::abs(figures->divergence / divergenceOf(q, p) - 1.0) > 1e-3);
    QCOMPARE(figures->labelled, std::int64_t{rows});
    QCOMPARE(figures->rightFloat, std::int64_t{rows});
  }

  void labelsAreOfTheSameClasses() {
    const auto classesFor = [](std::int64_t opset, std::int64_t axis, std::vector<std::int64_t> shape) {
      Model model = modelOf(opset, axis);
      model.graph.outputs = {test::floatValue("v0", std::move(shape))};
      return classesOf(model).value_or(0);
    };
    QCOMPARE(classesFor(13, 1, {1, 5, 8, 6}), std::int64_t{5});
    QCOMPARE(classesFor(13, kDefault, {1, 5, 8, 6}), std::int64_t{6});
    QCOMPARE(classesFor(9, kDefault, {1, 1000, 1, 1}), std::int64_t{1000});
    QCOMPARE(classesFor(9, kDefault, {1, 10, -1, 1}), std::int64_t{0}); // not known
    QCOMPARE(classesFor(13, 7, {1, 10}), std::int64_t{0});
  }

  void logarithmsAreFoundBehindAReshape() {
    Distributions p = rowsOf(4, 3, 5);
    for (auto& row : p) {
      for (float& value : row) {
        value = std::log(value);
      }
    }
    const auto outputs = std::map<std::string, Value>{{"v1", placed(p, {1, 3, 4}, 4)}};
    const auto made =
        floatOutputs(outputRoles(modelOf(13, 1, {"Reshape"}, "LogSoftmax")), outputs).value().front();
    QCOMPARE(made.layout.classes, std::size_t{3});
    QCOMPARE(made.layout.inner, std::size_t{4});
  }

  void withoutDistributionsTheRelativeErrorIsStandard() {
    const auto standardOf = [](const Model& model, const Tensor& output) {
      const auto reference =
          OutputReference::of(outputRoles(model), {{model.graph.outputs[0].name, output}}, {}).value();
      // What is chosen and what is found in the output agree.
      const auto own = reference.compare({{model.graph.outputs[0].name, output}}).value();
      const OutputMetric standard = standardMetric(GraphReach(model), reference).metric;
      if ((own.rows > 0) != (standard == OutputMetric::kl)) {
        qFatal("the standard metric does not apply");
      }
      return standard;
    };
    const Distributions p = rowsOf(2, 3, 1);
    QCOMPARE(standardOf(modelOf(13, -1), placed(p, {2, 3}, 1)), OutputMetric::kl);
    // Rows that a Reshape joined, one class, an axis that is not there.
    QCOMPARE(standardOf(modelOf(13, -1, {"Reshape"}), placed(p, {6}, 1)), OutputMetric::relativeError);
    QCOMPARE(standardOf(modelOf(13, -1), tensorOf({2, 1}, {1.0f, 1.0f})), OutputMetric::relativeError);
    QCOMPARE(standardOf(modelOf(13, 2), placed(p, {2, 3}, 1)), OutputMetric::relativeError);
  }

  void projectionsFollowTheAxis() {
    const Distributions p = rowsOf(6, 3, 7);
    const Distributions other = rowsOf(6, 3, 8);
    Distributions q = p;
    for (std::size_t row = 0; row < p.size(); ++row) {
      for (std::size_t c = 0; c < 3; ++c) {
        q[row][c] += 0.01f * (other[row][c] - p[row][c]);
      }
    }
    const double expected = divergenceOf(p, q);
    Distributions logitsBefore = p; // those of probabilities would not depend on the axis
    Distributions logitsAfter = q;
    for (std::size_t row = 0; row < p.size(); ++row) {
      for (std::size_t c = 0; c < 3; ++c) {
        const float offset = 1.5f * static_cast<float>(row); // changes the distributions of another axis only
        logitsBefore[row][c] = std::log(p[row][c]) + offset;
        logitsAfter[row][c] = std::log(q[row][c]) + offset;
      }
    }
    const Tensor y = placed(logitsBefore, {2, 3, 3}, 3);
    const std::vector<float> before = toFloats(y, {}).value();
    const std::vector<float> after = toFloats(placed(logitsAfter, {2, 3, 3}, 3), {}).value();
    const auto sumOf = [&](int axis) {
      const std::vector<OutputRole> roles = {{"y", OutputKind::logits, axis}};
      const auto made = divergenceProjections(roles, {{"y", y}}, 18, 1, 0).value();
      double sum = 0.0;
      for (const OutputProjection& one : made.vectors) {
        const std::vector<float> seed = toFloats(one.seeds.at("y"), {}).value();
        double product = 0.0;
        for (std::size_t i = 0; i < seed.size(); ++i) {
          product += double(seed[i]) * (double(after[i]) - before[i]);
        }
        sum += one.weight * product * product;
      }
      return made.exact && made.rows == 6 ? sum : std::nan("");
    };
    QVERIFY2(std::abs(sumOf(1) / expected - 1.0) < 0.05, qPrintable(QString::number(sumOf(1) / expected)));
    QVERIFY2(!(std::abs(sumOf(-1) / expected - 1.0) < 0.05),
             qPrintable(QString::number(sumOf(-1) / expected) + " beside " +
                        QString::number(sumOf(1) / expected)));
  }
};

QTEST_GUILESS_MAIN(OutputRolesTest)
#include "tst_output_roles.moc"
