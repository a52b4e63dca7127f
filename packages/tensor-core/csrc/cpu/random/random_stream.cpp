#include "cpu/random/random_stream.h"

#include <algorithm>

namespace tw::cpu {
namespace {

// The two ints of a generator's answer: an int[2], or a pair of values as Python's tuples come.
bool read_pair(const tw_value& answer, uint64_t* first, uint64_t* second) {
  if (answer.aux != 2) return false;
  if (answer.tag == TW_INTS) {
    const int64_t* pair = static_cast<const int64_t*>(answer.u.p);
    *first = static_cast<uint64_t>(pair[0]), *second = static_cast<uint64_t>(pair[1]);
    return true;
  }
  const tw_value* pair = static_cast<const tw_value*>(answer.u.p);
  if (answer.tag != TW_VALUES || pair[0].tag != TW_INT || pair[1].tag != TW_INT) return false;
  *first = static_cast<uint64_t>(pair[0].u.i), *second = static_cast<uint64_t>(pair[1].u.i);
  return true;
}

void reserve_from(tw_object* generator, uint64_t counters, uint64_t* key, uint64_t* counter) {
  if (!generator->type->call)
    throw Error(TW_E_TYPE, "generator: expected a generator, got an object that cannot be called");
  const tw_value count = to_value(static_cast<int64_t>(counters));
  tw_value answer = value_none();
  check(generator->type->call(generator->payload, &count, 1, &answer));
  const bool understood = read_pair(answer, key, counter);
  g_host->value_clear(&answer);
  if (!understood) throw Error(TW_E_TYPE, "generator: expected (key, counter) from it, two ints");
}

}  // namespace

RandomStream::RandomStream(tw_object* generator, int64_t values, int64_t words_per_value)
    : groups_(groups_of(values * words_per_value)) {
  const uint64_t counters = static_cast<uint64_t>(groups_ * kGroupCounters);
  if (generator)
    reserve_from(generator, counters, &key_, &counter_);
  else
    check(g_host->philox_reserve(counters, &key_, &counter_));
}

}  // namespace tw::cpu
