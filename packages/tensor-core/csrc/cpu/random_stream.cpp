#include "cpu/random_stream.h"

#include <algorithm>

namespace tw::cpu {
namespace {

void reserve_from(tw_object* generator, uint64_t counters, uint64_t* key, uint64_t* counter) {
  if (!generator->type->call)
    throw Error(TW_E_TYPE, "generator: expected a generator, got an object that cannot be called");
  const tw_value count = to_value(static_cast<int64_t>(counters));
  tw_value answer = value_none();
  check(generator->type->call(generator->payload, &count, 1, &answer));
  const bool is_pair = answer.tag == TW_INTS && answer.aux == 2;
  if (is_pair) {
    const int64_t* pair = static_cast<const int64_t*>(answer.u.p);
    *key = static_cast<uint64_t>(pair[0]), *counter = static_cast<uint64_t>(pair[1]);
  }
  g_host->value_clear(&answer);
  if (!is_pair) throw Error(TW_E_TYPE, "generator: expected (key, counter) from it, two ints");
}

}  // namespace

RandomStream::RandomStream(tw_object* generator, int64_t values, int64_t words_per_value)
    : groups_((values * words_per_value + kGroupWords - 1) / kGroupWords) {
  const uint64_t counters = static_cast<uint64_t>(groups_ * kGroupCounters);
  if (generator)
    reserve_from(generator, counters, &key_, &counter_);
  else
    check(g_host->philox_reserve(counters, &key_, &counter_));
}

}  // namespace tw::cpu
