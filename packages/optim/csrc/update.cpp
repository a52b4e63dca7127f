// One call goes over the tensors of all parameters as if they were one array, in pieces shared by the core's threads.
#include "update.h"

#include <tensorwright/checked.hpp>

#include <algorithm>

#include "operands.h"

namespace tw::optim {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements: long enough for a thread to be worth its wake-up
constexpr int64_t kAligned = 16;     // each parameter begins at a multiple, so that pieces begin at whole cache lines
constexpr uint32_t kMaxScalars = 16;

const Kernel* kernels_of(const Update& update) {
  static const int isa = static_cast<int>(choose_isa());
  return update.kernels[isa];
}

// The numbers as kernels read them: each fills 64 bytes.
class Splats {
 public:
  Splats(const Update& update, const tw_call& call, Compute compute) {
    for (uint32_t k = 0; k < update.scalars; ++k) {
      const double value = From<double>::get(call.args[update.lists() + k]);
      if (compute == kF64)
        std::fill_n(reinterpret_cast<double*>(at(k)), 8, value);
      else
        std::fill_n(reinterpret_cast<float*>(at(k)), 16, static_cast<float>(value));
    }
  }
  const char* at(uint32_t k) const { return bytes_ + 64 * k; }

 private:
  char* at(uint32_t k) { return bytes_ + 64 * k; }
  alignas(64) char bytes_[64 * kMaxScalars];
};

// The parameters that are computed in one type, laid end to end.
class Batch {
 public:
  Batch(const Update& update, const tw_call& call, Compute compute, const std::vector<Operands>& all)
      : update_(update),
        kernel_(kernels_of(update)[compute]),
        item_bytes_(compute == kF64 ? 8 : 4),
        splats_(update, call, compute) {
    int64_t end = 0;
    for (const Operands& operands : all) {
      if (operands.compute() != compute || operands.numel() == 0) continue;
      end = checked::add(end, checked::mul((operands.numel() - 1) / kAligned + 1, kAligned));
      members_.push_back({&operands, end});
    }
  }

  void run() const {
    if (!members_.empty()) parallel_for(0, members_.back().end, kPiece, [&](int64_t b, int64_t e) { run_piece(b, e); });
  }

 private:
  struct Member {
    const Operands* operands;
    int64_t end;  // where the next one begins
  };

  void run_piece(int64_t begin, int64_t end) const {
    const auto after = [](int64_t position, const Member& member) { return position < member.end; };
    auto member = std::upper_bound(members_.begin(), members_.end(), begin, after);
    for (int64_t first = member == members_.begin() ? 0 : std::prev(member)->end; begin < end; ++member) {
      const int64_t count = std::min(member->operands->numel(), end - first) - (begin - first);
      if (count > 0) run_member(*member->operands, begin - first, count);
      begin = first = member->end;
    }
  }

  void run_member(const Operands& operands, int64_t offset, int64_t count) const {
    const void* in[kMaxLists + kMaxScalars];
    void* out[kMaxLists];
    uint8_t steps[kMaxLists + kMaxScalars];
    const uint32_t lists = update_.lists();
    for (uint32_t k = 0; k < lists; ++k) {
      in[k] = operands.data(k) + offset * item_bytes_;
      steps[k] = 1;
      if (k != 1) out[k ? k - 1 : 0] = operands.data(k) + offset * item_bytes_;
    }
    for (uint32_t k = 0; k < update_.scalars; ++k) in[lists + k] = splats_.at(k), steps[lists + k] = 0;
    kernel_(count, out, in, steps);
  }

  const Update& update_;
  const Kernel kernel_;
  const int64_t item_bytes_;
  const Splats splats_;
  std::vector<Member> members_;
};

}  // namespace

tw_status TW_CALL run_update(void* self, tw_call* call) {
  return guard([&] {
    const Update& update = *static_cast<const Update*>(self);
    const Request request = checked_request(update, *call);
    if (request.size() == 0 || request.tensor(0, 0).device().type == TW_DEVICE_META) return;
    std::vector<Operands> all;
    all.reserve(request.size());
    for (size_t item = 0; item < request.size(); ++item) all.emplace_back(request, item);
    for (const Compute compute : {kF32, kF64}) Batch(update, *call, compute, all).run();
    for (const Operands& operands : all) operands.finish();
  });
}

}  // namespace tw::optim
