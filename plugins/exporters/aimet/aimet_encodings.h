// AIMET's encodings in the three forms of its files. Sources: quic/aimet
// Docs/api_docs/quantization_encoding_specification.rst, qualcomm/aimet Docs/techniques/encoding_spec.rst.
// Values only; any thread.
#pragma once

#include "core/quant/quantizer.h"
#include "plugins/shared/text/literals.h"

#include <string>
#include <vector>

namespace halfstep::aimet {

/// One tensor: a weight, or a value of the graph.
struct Encoding {
  std::string tensor;
  Scheme scheme;
  std::vector<float> scales;            ///< channel-major; empty for fp16
  std::vector<std::int32_t> zeroPoints; ///< as many
  int channelAxis = 0;                  ///< of scales per channel and in groups
  int groupAxis = 0;                    ///< of scales in groups
  Shape shape;                          ///< of a weight
};

struct Encodings {
  std::vector<Encoding> weights;
  std::vector<Encoding> activations;
};

/// Whether a form has words for it. 0.6.1 knows no groups and no fp8; 1.0.0 no fp8, and groups only where the
/// channels' axis comes first (the order of the scales is not documented otherwise); 2.0.0 no fp16.
bool fitsVersion061(const Encoding& encoding);
bool fitsVersion100(const Encoding& encoding);
bool fitsVersion200(const Encoding& encoding);

/// The files. Encodings that do not fit are left out.
OrderedJson version061(const Encodings& encodings);
OrderedJson version100(const Encodings& encodings);
OrderedJson version200(const Encodings& encodings);

} // namespace halfstep::aimet
