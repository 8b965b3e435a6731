// Resizing and cropping of 8-bit pictures, bit for bit as Pillow does it (Image.resize with BILINEAR, which
// torchvision's Resize calls): a triangle filter that widens when the picture shrinks, first along the rows,
// then along the columns, each pass in fixed point with 22 fractional bits and rounded to 8 bits.
// Source: Pillow, src/libImaging/Resample.c.
#pragma once

#include "core/io/image_reader.h"
#include "core/quant/data_settings.h"

namespace halfstep {

/// `image` with `size`; itself where it has that size. Sides of both must be at least 1.
PixelImage resizedImage(PixelImage image, const ImageSize& size);

/// The middle `size` of `image`, which must be at least as large. Where it is not exactly in the middle, half
/// a pixel is rounded to even, as torchvision's CenterCrop does.
PixelImage croppedImage(PixelImage image, const ImageSize& size);

/// As red, green and blue (`channels` 3) or as grey (1), L = (19595 R + 38470 G + 7471 B + 2^15) / 2^16
/// rounded down: ITU-R 601-2, as in Pillow.
PixelImage withChannels(PixelImage image, int channels);

} // namespace halfstep
