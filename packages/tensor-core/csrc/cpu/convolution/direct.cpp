#include "cpu/convolution/direct.h"

#include <tensorwright/checked.hpp>

#include "cpu/convolution/correlation.h"
#include "cpu/staging.h"
#include "threads/pool.h"

namespace tw::cpu {
namespace {

constexpr int64_t kSlotWork = 1 << 22;      // multiplications that are worth a partial weight gradient of their own
constexpr int64_t kMostSlots = 16;          // partial weight gradients, which are added up in order
constexpr int64_t kSlotElements = 1 << 22;  // of all of them

// Channels of one call of a kernel: two vectors of them, or one at the end.
struct ChannelBlock {
  int64_t first, count;
  int vectors;
};
template <class T>
class ChannelBlocks {
 public:
  explicit ChannelBlocks(int64_t channels) : channels_(channels), lanes_(isa_table<ConvolutionKernels<T>>().lanes) {}
  int64_t count() const { return (channels_ + width() - 1) / width(); }
  int64_t width() const { return 2 * lanes_; }
  int64_t padded_channels() const { return (channels_ + lanes_ - 1) / lanes_ * lanes_; }
  ChannelBlock operator[](int64_t i) const {
    const int64_t first = i * width(), rest = channels_ - first;
    return {first, std::min(rest, width()), rest > lanes_ ? 2 : 1};
  }

 private:
  int64_t channels_, lanes_;
};

// direct_weights() for the gradient of the input, whose channels are the convolution's input channels: the taps are
// output channel by output channel those of the residue.
template <class T>
Tensor backward_weights(const ConvolutionGeometry& g, const Correlation& c, const T* weight) {
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  const ChannelBlocks<T> blocks(g.in_channels);
  const int64_t kernel = g.kernel_size(), taps = c.taps(), group_size = blocks.padded_channels() * taps;
  Tensor packed = scratch<T>(g.groups * group_size);
  parallel_for(0, g.groups * blocks.count(), grain_for(blocks.width() * taps), [&](int64_t begin, int64_t end) {
    const Tensor whole = scratch<T>(kernel * blocks.width());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks.count();
      const ChannelBlock block = blocks[i % blocks.count()];
      const int64_t width = block.vectors * kernels.lanes;
      T* to = packed.data<T>() + group * group_size + block.first * taps;
      for (int64_t o = 0; o < g.out_channels; ++o) {
        const T* from = weight + g.weight_offset(group) + (o * g.in_channels + block.first) * kernel;
        if (kernel == 1 && taps > 0) {  // channels lie side by side already
          to = std::fill_n(std::copy_n(from, block.count, to), width - block.count, T(0));
          continue;
        }
        kernels.channels_last(from, kernel, block.count, kernel, block.vectors, whole.data<T>());
        for (const AxisTap& z : c.z.taps)
          for (const AxisTap& y : c.y.taps)
            for (const AxisTap& x : c.x.taps) {
              const int64_t tap = (z.kernel * g.y.kernel + y.kernel) * g.x.kernel + x.kernel;
              to = std::copy_n(whole.data<T>() + tap * width, width, to);
            }
      }
    }
  });
  return packed;
}

// [group][channel of padded blocks]: what sums start from.
template <class T>
Tensor starts(int64_t groups, int64_t channels, const T* bias) {
  const int64_t padded = ChannelBlocks<T>(channels).padded_channels();
  Tensor start = scratch<T>(groups * padded);
  std::fill_n(start.data<T>(), groups * padded, T(0));
  for (int64_t group = 0; bias && group < groups; ++group)
    std::copy_n(bias + group * channels, channels, start.data<T>() + group * padded);
  return start;
}

// Planes of a band's results, [channel][pixel], to their places if those are not neighbours.
template <class T>
void spread(const Correlation& c, const T* planes, int64_t channels, int64_t first_row, int64_t rows, T* out,
            int64_t out_width, int64_t out_channel) {
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t y = 0; y < rows; ++y) {
      T* to = out + channel * out_channel + (c.y.first + (first_row + y) * c.y.step) * out_width + c.x.first;
      for (int64_t x = 0; x < c.x.results; ++x) to[x * c.x.step] = *planes++;
    }
}

// A correlation that is ready to run: the convolution, or one residue of its gradient.
template <class T>
struct PreparedCorrelation {
  PreparedCorrelation(const Correlation& correlation, const T* packed, const BlockedImages* source = nullptr)
      : c(correlation),
        layout(source ? BandLayout(c, *source) : BandLayout(c)),
        offsets(layout.tap_offsets(c)),
        weights(packed) {}
  PreparedCorrelation(const Correlation& correlation, const T* packed, const BandLayout& source)
      : c(correlation), layout(source), offsets(layout.tap_offsets(c)), weights(packed) {}
  int64_t band_pixels() const { return layout.rows * c.x.results; }

  Correlation c;
  BandLayout layout;
  std::vector<int64_t> offsets;
  const T* weights;
};

template <class T>
struct CorrelationData {
  const T *source, *start;
  T* out;
  int64_t out_depth, out_height, out_width;
  const PreparedCall* prepared;            // told what is done, or null
  const BlockedImages* blocked = nullptr;  // how results lie, if so
};

// Blocks of channels that one task computes, or adds up.
struct Blocks {
  int64_t begin, end;
};
Blocks blocks_of(int64_t count, int64_t i, int64_t shares) { return {i * count / shares, (i + 1) * count / shares}; }

// The same where only `unit` of them are a whole block of images.
Blocks blocks_of(int64_t count, int64_t i, int64_t shares, int64_t unit) {
  const Blocks units = blocks_of((count + unit - 1) / unit, i, shares);
  return {units.begin * unit, std::min(units.end * unit, count)};
}

// What is computed at once: some channels of a band of one depth of an image's group.
struct BandPlace {
  int64_t image_group, depth, band;
  Blocks blocks;
};

// Memory that is needed soon: runs at equal distances, fetched some lines at a time while something else is computed.
class Ahead {
 public:
  template <class T>
  Ahead(const T* first, int64_t elements, int64_t distance, int64_t runs)
      : first_(reinterpret_cast<const char*>(first)),
        distance_(distance * static_cast<int64_t>(sizeof(T))),
        run_lines_((elements * static_cast<int64_t>(sizeof(T)) + kLine - 1) / kLine),
        left_(run_lines_ * runs) {}

  // The part of what there was at first that belongs to one of `steps`.
  void fetch(int64_t steps) {
    if (share_ == 0) share_ = (left_ + steps - 1) / steps;
    for (int64_t count = std::min(share_, left_); count > 0; --count, --left_) {
      __builtin_prefetch(first_ + line_ * kLine, 0, 2);
      if (++line_ == run_lines_) line_ = 0, first_ += distance_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* first_;
  int64_t distance_, run_lines_, left_, line_ = 0, share_ = 0;
};

// What a band of images reads.
template <class T>
Ahead source_ahead(const PreparedCorrelation<T>& part, const CorrelationData<T>& data, const BandPlace* place) {
  const Correlation& c = part.c;
  if (!place || c.z.source != 1 || place->band >= part.layout.bands) return Ahead(data.source, 0, 0, 0);
  const BandRows rows(c, part.layout, place->band);
  if (const BlockedImages* images = part.layout.blocked)
    return Ahead(
        data.source + place->image_group * part.layout.group_size(c) + images->pixel(rows.first, -images->border_x),
        (rows.last - rows.first) * images->row(), images->plane(), c.source_channels / kBlockChannels);
  if (part.layout.pixel > 0)
    return Ahead(data.source + place->image_group * c.source_size() + rows.from * c.x.source * c.source_channels,
                 (rows.to - rows.from) * c.x.source * c.source_channels, 0, 1);
  return Ahead(data.source + place->image_group * c.source_size() + rows.from * c.x.source,
               (rows.to - rows.from) * c.x.source, c.source_plane(), c.source_channels);
}

constexpr int64_t kRowsAtOnce = 2;  // of results; the kernel may compute two together

// One band of one depth of an image's group, block by block of channels; the source is ready.
template <class T>
class Band {
 public:
  // `next`: what is computed afterwards, or null.
  Band(const PreparedCorrelation<T>& part, const CorrelationData<T>& data, const BandPlace& place,
       const BandPlace* next, const T* source)
      : c_(part.c),
        data_(data),
        place_(place),
        source_(source),
        weights_(part.weights),
        pass_(part.layout.pass(c_, place.band, part.offsets, !data.blocked || data.blocked->border_x == 0)),
        first_row_(place.band * part.layout.rows),
        rows_(part.layout.rows_of(c_, place.band)),
        steps_((pass_.rows + kRowsAtOnce - 1) / kRowsAtOnce),
        sources_(source_ahead(part, data, next)) {}

  // `results`, `planes`: memory for those of a block of channels.
  void to_planes(T* results, T* planes) {
    const int64_t pixels = pass_.rows * pass_.cols, plane = data_.out_height * data_.out_width,
                  out_channel = data_.out_depth * plane;
    T* const image = data_.out + place_.image_group * c_.result_channels * out_channel +
                     (c_.z.first + place_.depth * c_.z.step) * plane;
    const bool together = c_.y.step == 1 && c_.x.step == 1;
    for (int64_t b = place_.blocks.begin; b < place_.blocks.end; ++b) {
      const ChannelBlock block = blocks_[b];
      T* const out = image + block.first * out_channel;
      T* const rows = out + first_row_ * data_.out_width;
      pass_.out_step = block.vectors * kernels_.lanes, pass_.out_vector = kernels_.lanes;
      pass_.out_row = pass_.cols * pass_.out_step;
      compute(block, results, Ahead(rows, together ? pixels : 0, out_channel, block.count));
      kernels_.channels_first(results, block.vectors, block.count, pixels, together ? rows : planes,
                              together ? out_channel : pixels);
      if (!together)
        spread(c_, planes, block.count, first_row_, rows_, out, data_.out_width, out_channel);
      else if (data_.prepared)
        for (T* done = rows; done < out + block.count * out_channel; done += out_channel)
          data_.prepared->done(done - data_.out, pixels, done);
    }
  }

  void to_blocks(const BlockedImages& images) {
    T* const image = data_.out + place_.image_group * (c_.result_channels / kBlockChannels) * images.plane();
    pass_.out_row = images.row(), pass_.out_step = kBlockChannels;
    pass_.out_vector = kernels_.lanes < kBlockChannels ? kernels_.lanes : images.plane();
    for (int64_t b = place_.blocks.begin; b < place_.blocks.end; ++b) {
      const ChannelBlock block = blocks_[b];
      T* const out = image + images.channel(block.first) + images.pixel(first_row_, 0);
      compute(block, out, Ahead(out, rows_ * images.row(), images.plane(), block.vectors));
      const int64_t end = block.first + block.count;
      if (end % kBlockChannels) continue;  // a block of images that goes on
      for (int64_t first = block.first / kBlockChannels * kBlockChannels; first < end; first += kBlockChannels)
        finish(images, image + images.channel(first));
    }
  }

 private:
  // Fetches meanwhile what is needed soon.
  void compute(const ChannelBlock& block, T* out, Ahead results) {
    const int64_t channel = place_.image_group % c_.groups * blocks_.padded_channels() + block.first;
    ConvolutionPass some = pass_;
    for (int64_t y = 0; y < pass_.rows; y += kRowsAtOnce) {
      results.fetch(steps_), sources_.fetch(steps_ * (place_.blocks.end - place_.blocks.begin));
      some.rows = std::min(kRowsAtOnce, pass_.rows - y);
      kernels_.correlate(some, block.vectors, source_ + y * pass_.in_row, weights_ + channel * pass_.taps,
                         data_.start + channel, out + y * pass_.out_row);
    }
  }

  // Tells of the rows that are done, and surrounds them with zeros.
  void finish(const BlockedImages& images, T* plane) const {
    const int64_t run = images.border_x == 0 ? rows_ : 1;
    for (int64_t y = 0; y < rows_; y += run) {
      T* const done = plane + images.pixel(first_row_ + y, 0);
      data_.prepared->done(done - data_.out, run * images.width * kBlockChannels, done);
    }
    images.clear_border(plane, first_row_, first_row_ + rows_);
  }

  const ConvolutionKernels<T>& kernels_ = isa_table<ConvolutionKernels<T>>();
  const Correlation& c_;
  const CorrelationData<T>& data_;
  const BandPlace& place_;
  const T *source_, *weights_;
  ConvolutionPass pass_;
  int64_t first_row_, rows_, steps_;
  Ahead sources_;
  ChannelBlocks<T> blocks_{c_.result_channels};
};

// `memory`: for the source, the results, and their planes.
template <class T>
void correlate_band(const PreparedCorrelation<T>& part, const CorrelationData<T>& data, const BandPlace& place,
                    const BandPlace* next, T* const (&memory)[3]) {
  const T* source = band_source(part.c, part.layout, place.depth, place.band,
                                data.source + place.image_group * part.layout.group_size(part.c), memory[0]);
  Band<T> band(part, data, place, next, source);
  if constexpr (std::is_same_v<T, float>)
    if (data.blocked) return band.to_blocks(*data.blocked);
  band.to_planes(memory[1], memory[2]);
}

// With few bands for the threads, tasks are shares of the channels too: each makes its own copy of the source.
int64_t shares_of(int64_t bands, int64_t blocks) {
  const int64_t threads = threads::num_threads();
  return threads == 1 ? 1 : std::clamp<int64_t>(2 * threads / std::max<int64_t>(bands, 1), 1, blocks);
}

// All parts read the same source and have the same channels. They take turns band by band, while it is in cache.
template <class T>
void correlate(const std::vector<PreparedCorrelation<T>>& parts, const CorrelationData<T>& data) {
  if (parts.empty()) return;
  const Correlation& c = parts[0].c;
  int64_t depths = 0, bands = 0, copy_size = 0, pixels = 0, work = 0;
  for (const PreparedCorrelation<T>& part : parts) {
    depths = std::max(depths, part.c.z.results);
    bands = std::max(bands, part.layout.bands);
    copy_size = std::max(copy_size, part.layout.copy_size(part.c));
    pixels = std::max(pixels, part.band_pixels());
    work += part.band_pixels() * (part.c.taps() + 1) * c.result_channels;
  }
  const ChannelBlocks<T> blocks(c.result_channels);
  const int64_t results = data.blocked ? 0 : pixels * blocks.width(),
                bands_of_all = c.images * c.groups * depths * bands;
  const int64_t shares = shares_of(bands_of_all, blocks.count());
  const int64_t unit = std::max<int64_t>(1, kBlockChannels / blocks.width());
  parallel_for(0, bands_of_all * shares, grain_for(work / shares / 16), [&](int64_t begin, int64_t end) {
    const Tensor copy = scratch<T>(copy_size), result = scratch<T>(results), planes = scratch<T>(results);
    T* const memory[3] = {copy.data<T>(), result.data<T>(), planes.data<T>()};
    const auto place_of = [&](int64_t i) {
      const int64_t at = i / shares;
      return BandPlace{at / bands / depths, at / bands % depths, at % bands,
                       blocks_of(blocks.count(), i % shares, shares, unit)};
    };
    for (int64_t i = begin; i < end; ++i) {
      const BandPlace place = place_of(i), next = place_of(i + 1);
      const bool goes_on = parts.size() == 1 && shares == 1 && i + 1 < bands_of_all;
      for (const PreparedCorrelation<T>& part : parts)
        if (place.depth < part.c.z.results && place.band < part.layout.bands)
          correlate_band(part, data, place, goes_on ? &next : nullptr, memory);
    }
  });
}

// One band of one image and group, added to the slot's sums [group][block][tap][channel of the block].
template <class T>
void gradient_band(const Correlation& c, const BandLayout& layout, const std::vector<int64_t>& offsets, int64_t unit,
                   int64_t group, const Blocks& chosen, const T* grad, const T* input, T* sums, T* const (&memory)[2]) {
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  const ChannelBlocks<T> blocks(c.result_channels);
  const int64_t band = unit % layout.bands, depth = unit / layout.bands % c.z.results;
  const int64_t image_group = unit / layout.bands / c.z.results * c.groups + group,
                channel_size = c.z.results * c.pixels();
  const ConvolutionPass pass = layout.pass(c, band, offsets);
  const T* source = band_source(c, layout, depth, band, input + image_group * c.source_size(), memory[0]);
  const T* band_grad =
      grad + image_group * c.result_channels * channel_size + depth * c.pixels() + band * layout.rows * c.x.results;
  for (int64_t b = chosen.begin; b < chosen.end; ++b) {
    const ChannelBlock block = blocks[b];
    kernels.channels_last(band_grad + block.first * channel_size, channel_size, block.count, pass.rows * pass.cols,
                          block.vectors, memory[1]);
    kernels.weight_gradient(pass, block.vectors, source, memory[1],
                            sums + (group * blocks.padded_channels() + block.first) * pass.taps);
  }
}

// Adds the slots up in order and turns [tap][channel] into weights.
template <class T>
void add_slots(const Correlation& c, T* sums, int64_t slots, T* weight) {
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  const ChannelBlocks<T> blocks(c.result_channels);
  const int64_t taps = c.taps(), slot_size = c.groups * blocks.padded_channels() * taps;
  parallel_for(0, c.groups * blocks.count(), grain_for(blocks.width() * taps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks.count();
      const ChannelBlock block = blocks[i % blocks.count()];
      T* sum = sums + (group * blocks.padded_channels() + block.first) * taps;
      for (int64_t s = 1; s < slots; ++s)
        isa_table<AdditionKernels<T>>().add_to(block.vectors * kernels.lanes * taps, sum + s * slot_size, sum);
      kernels.channels_first(sum, block.vectors, block.count, taps,
                             weight + (group * c.result_channels + block.first) * taps, taps);
    }
  });
}

}  // namespace

template <class T>
int64_t direct_weights_size(const ConvolutionGeometry& g) {
  return checked::mul(checked::mul(g.groups, ChannelBlocks<T>(g.out_channels).padded_channels()), g.taps());
}

template <class T>
Tensor direct_weights(const ConvolutionGeometry& g, const T* weight) {
  const auto& kernels = isa_table<ConvolutionKernels<T>>();
  const ChannelBlocks<T> blocks(g.out_channels);
  const int64_t taps = g.taps(), group_size = blocks.padded_channels() * taps;
  Tensor packed = scratch<T>(direct_weights_size<T>(g));
  parallel_for(0, g.groups * blocks.count(), grain_for(blocks.width() * taps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks.count();
      const ChannelBlock block = blocks[i % blocks.count()];
      kernels.channels_last(weight + g.weight_offset(group) + block.first * taps, taps, block.count, taps,
                            block.vectors, packed.data<T>() + group * group_size + block.first * taps);
    }
  });
  return packed;
}

template <class T>
void direct_forward(const ConvolutionGeometry& g, const T* input, const T* weight, const T* bias, T* output,
                    const T* packed, const PreparedCall& prepared, bool channels_last) {
  const Tensor start = starts(g.groups, g.out_channels, bias);
  const Tensor own = packed ? Tensor() : direct_weights(g, weight);
  const Correlation c = forward_correlation(g);
  std::vector<PreparedCorrelation<T>> whole;
  whole.emplace_back(c, packed ? packed : own.data<T>(),
                     channels_last ? BandLayout::of_channels_last(c) : BandLayout(c));
  correlate<T>(whole, {input, start.data<T>(), output, g.z.out, g.y.out, g.x.out, &prepared});
}

void direct_forward_blocks(const ConvolutionGeometry& g, const ImageMemory& input, const float* weight,
                           const float* bias, const PreparedCall& prepared, const ImageMemory& result) {
  const Tensor start = starts(g.groups, g.out_channels, bias);
  const bool packed = prepared.weight && prepared.weight.numel() == direct_weights_size<float>(g);
  const Tensor own = packed ? Tensor() : direct_weights(g, weight);
  std::vector<PreparedCorrelation<float>> whole;
  whole.emplace_back(forward_correlation(g), (packed ? prepared.weight : TensorRef(own)).data<float>(),
                     input.blocked ? &input.images : nullptr);
  correlate<float>(whole, {input.data, start.data<float>(), result.data, g.z.out, g.y.out, g.x.out, &prepared,
                           result.blocked ? &result.images : nullptr});
}

template <class T>
void direct_backward_input(const ConvolutionGeometry& g, const T* grad, const T* weight, T* input) {
  const Tensor start = starts<T>(g.groups, g.in_channels, nullptr);
  std::vector<PreparedCorrelation<T>> residues;
  std::vector<Tensor> weights;
  for (int64_t depth = 0; depth < std::min(g.z.stride, g.z.size); ++depth)
    for (int64_t row = 0; row < std::min(g.y.stride, g.y.size); ++row)
      for (int64_t col = 0; col < std::min(g.x.stride, g.x.size); ++col) {
        const Correlation c = backward_correlation(g, depth, row, col);
        weights.push_back(backward_weights(g, c, weight));
        residues.emplace_back(c, weights.back().data<T>());
      }
  correlate<T>(residues, {grad, start.data<T>(), input, g.z.size, g.y.size, g.x.size, nullptr});
}

template <class T>
void direct_backward_weight(const ConvolutionGeometry& g, const T* grad, const T* input, T* weight) {
  const Correlation c = forward_correlation(g);
  const BandLayout layout(c);
  const std::vector<int64_t> offsets = layout.tap_offsets(c);
  const ChannelBlocks<T> blocks(c.result_channels);
  const int64_t units = c.images * c.z.results * layout.bands,
                slot_size = c.groups * blocks.padded_channels() * c.taps();
  const int64_t work = c.images * c.z.results * c.pixels() * c.taps() * c.result_channels;
  const int64_t slots =
      std::clamp<int64_t>(std::min({work / kSlotWork, units,
                                    kSlotElements / std::max<int64_t>(c.groups * c.result_channels * c.taps(), 1)}),
                          1, kMostSlots);
  const Tensor sums = scratch<T>(slots * slot_size);
  // With fewer slots than threads, tasks are parts of the channels too: each reads the source on its own.
  const int64_t parts =
      std::clamp<int64_t>(threads::num_threads() / (slots * c.groups), 1, std::max<int64_t>(blocks.count(), 1));
  parallel_for(0, slots * c.groups * parts, 1, [&](int64_t begin, int64_t end) {
    const Tensor copy = scratch<T>(layout.copy_size(c)), grads = scratch<T>(layout.rows * c.x.results * blocks.width());
    T* const memory[2] = {copy.data<T>(), grads.data<T>()};
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i % parts, group = i / parts % c.groups, slot = i / parts / c.groups;
      const Blocks chosen = blocks_of(blocks.count(), part, parts);
      const int64_t first = chosen.begin * blocks.width(),
                    last = std::min(chosen.end * blocks.width(), blocks.padded_channels());
      T* sum = sums.data<T>() + slot * slot_size;
      std::fill_n(sum + (group * blocks.padded_channels() + first) * c.taps(), (last - first) * c.taps(), T(0));
      for (int64_t unit = slot * units / slots; unit < (slot + 1) * units / slots; ++unit)
        gradient_band(c, layout, offsets, unit, group, chosen, grad, input, sum, memory);
    }
  });
  add_slots(c, sums.data<T>(), slots, weight);
}

template int64_t direct_weights_size<float>(const ConvolutionGeometry&);
template int64_t direct_weights_size<double>(const ConvolutionGeometry&);
template Tensor direct_weights<float>(const ConvolutionGeometry&, const float*);
template Tensor direct_weights<double>(const ConvolutionGeometry&, const double*);
template void direct_forward<float>(const ConvolutionGeometry&, const float*, const float*, const float*, float*,
                                    const float*, const PreparedCall&, bool);
template void direct_forward<double>(const ConvolutionGeometry&, const double*, const double*, const double*, double*,
                                     const double*, const PreparedCall&, bool);
template void direct_backward_input<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void direct_backward_input<double>(const ConvolutionGeometry&, const double*, const double*, double*);
template void direct_backward_weight<float>(const ConvolutionGeometry&, const float*, const float*, float*);
template void direct_backward_weight<double>(const ConvolutionGeometry&, const double*, const double*, double*);

}  // namespace tw::cpu
