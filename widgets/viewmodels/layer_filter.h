// The filter of the layers table: free text and comparisons, all of which must hold.
//   "conv2"             in the name (case ignored), or /…/ for a regular expression
//   op:Conv             operator, with * as wildcard          scheme:int4*   likewise
//   sqnr<20  params>1e5  bits<=4  size>1e6  clipped>0  mse>1e-4  channels=64
#pragma once

#include "core/support/result.h"
#include "widgets/viewmodels/document.h"

#include <QRegularExpression>
#include <QString>

#include <vector>

namespace halfstep {

class LayerFilter {
public:
  LayerFilter() = default;
  /// Errors (kind `usage`) name the part that is not understood.
  static Result<LayerFilter> parse(const QString& text);

  /// Comparisons of figures that are not computed yet do not hold.
  bool matches(const Document& document, int layer) const;
  bool isEmpty() const { return m_texts.empty() && m_comparisons.empty(); }

private:
  enum class Field { name, op, scheme, sqnr, parameters, bits, bytes, clipped, mse, channels };
  enum class Operator { less, lessEqual, equal, greaterEqual, greater };
  struct TextTerm {
    Field field;
    QRegularExpression pattern;
  };
  struct Comparison {
    Field field;
    Operator comparison;
    double value;
  };

  static Result<void> addTerm(LayerFilter& filter, const QString& term);

  std::vector<TextTerm> m_texts;
  std::vector<Comparison> m_comparisons;
};

} // namespace halfstep
