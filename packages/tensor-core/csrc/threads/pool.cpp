#include "threads/pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "runtime/error.h"

namespace tw::threads {

namespace {

constexpr int kMaxThreads = 1024;
constexpr int kMaxShares = 64;
constexpr int64_t kBlocks = 32;  // of a share that is gone over backwards
constexpr int kSpins = 2000;     // some tens of microseconds: the next region often follows at once

thread_local bool inside_chunk = false;
thread_local bool last_went_back = false;  // the region that this thread began last

// Who computes the chunks of one region: the thread that began it asks whether the user interrupted, the others do as
// it found.
struct Company {
  const bool* caller = &inside_chunk;  // that thread's
  std::atomic<bool> cancelled{false};
};
thread_local Company* company = nullptr;  // of the chunk that this thread is inside of, the outermost one

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// Marks this thread as busy with a chunk of a region, also while an exception leaves it. A region of one chunk is no
// such thing: what it calls may use the pool.
class Inside {
 public:
  Inside(Company& with, bool shared) : before_(inside_chunk) {
    if (before_ || !shared) return;
    inside_chunk = true;
    company = &with;
  }
  ~Inside() {
    inside_chunk = before_;
    if (!before_) company = nullptr;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool before_;
};

// A range cut into chunks.
//
// Regions go alternately forwards and backwards over their chunks: what one touched last lies in the caches when the
// next begins, which would find nothing of larger tensors if it began where that one did. Going backwards, a share's
// chunks are taken in blocks, each from front to back, which is how memory beyond the caches is read fastest.
struct Work {
  void (*f)(void*, int64_t, int64_t);
  void* context;
  int64_t begin, end, grain;
  bool backwards;

  int64_t chunks() const { return (end - begin - 1) / grain + 1; }
  // The chunk that is the `turn`-th of the share [first, last).
  int64_t chunk_at(int64_t turn, int64_t first, int64_t last) const {
    if (!backwards) return first + turn;
    const int64_t block = (last - first - 1) / kBlocks + 1, in_block = turn % block;
    return std::max(first, last - (turn - in_block) - block) + in_block;
  }
  void run(int64_t chunk, Company& with) const {
    const int64_t b = begin + chunk * grain;
    const Inside inside(with, end - begin > grain);
    f(context, b, std::min(end, b + grain));
  }
};

// One parallel region. Lives on its caller's stack; workers touch it only while `active` counts them.
//
// Each thread has a share of the chunks, neighbours in memory and the same ones in the next region of this size, whose
// data its caches may still hold; whoever is done with his own goes on with what is left of the others'.
struct Region {
  struct alignas(64) Share {
    std::atomic<int64_t> taken{0};
    int64_t begin = 0, end = 0;
  };

  const Work work;
  Company company;
  const int share_count;
  Share shares[kMaxShares];  // the first `share_count`

  Region(const Work& whole, int threads) : work(whole), share_count(std::min(threads, kMaxShares)) {
    const int64_t chunks = work.chunks(), each = chunks / share_count, more = chunks % share_count;
    int64_t from = 0;
    for (int i = 0; i < share_count; ++i) {
      shares[i].begin = from;
      shares[i].end = from += each + (i < more);
    }
  }

  // The next chunk for the thread of this number; -1 if none is left.
  int64_t take(int thread) {
    for (int i = 0; i < share_count; ++i) {
      Share& share = shares[(thread + i) % share_count];
      const int64_t count = share.end - share.begin;
      if (share.taken.load(std::memory_order_relaxed) >= count) continue;
      const int64_t turn = share.taken.fetch_add(1, std::memory_order_relaxed);
      if (turn < count) return work.chunk_at(turn, share.begin, share.end);
    }
    return -1;
  }

  bool run_one(int thread) {
    if (company.cancelled.load(std::memory_order_relaxed)) return false;
    const int64_t chunk = take(thread);
    if (chunk < 0) return false;
    work.run(chunk, company);
    return true;
  }
};

struct Pool {
  std::mutex mutex;  // guards the fields below; held only to look and to sleep
  std::condition_variable wake, done;
  Region* region = nullptr;
  int wanted = 0;                       // workers that may still join the region
  std::atomic<int> active{0};           // workers inside it; changed under the mutex, watched without
  int workers = 0;                      // threads started
  std::atomic<uint64_t> generation{0};  // of regions; what spinning workers watch
  std::atomic<bool> busy{false};        // one region at a time; a second caller works alone

  void work(int thread);
  void start_workers(int count);
  void run(Region& region, int helpers);
};

// Not destroyed at exit, and replaced (not reused) in a forked child, where the workers do not exist.
std::atomic<Pool*> pool{nullptr};
std::atomic<int> threads_wanted{0};
std::atomic<bool (*)()> poll_hook{nullptr};

template <class Done>
void spin(Done&& done) {
  for (int i = 0; i < kSpins && !done(); ++i) pause();
}

void Pool::work(int thread) {
  uint64_t seen = 0;
  const auto is_new = [&] { return generation.load(std::memory_order_acquire) != seen; };
  for (;;) {
    // Also after a region that was over before this thread was awake: when one follows another closely, the next
    // one finds it here.
    spin(is_new);
    std::unique_lock<std::mutex> lock(mutex);
    wake.wait(lock, is_new);
    seen = generation.load(std::memory_order_relaxed);
    if (wanted == 0) continue;
    --wanted;
    active.fetch_add(1, std::memory_order_relaxed);
    Region* r = region;
    lock.unlock();
    while (r->run_one(thread)) {
    }
    lock.lock();
    if (active.fetch_sub(1, std::memory_order_release) == 1) done.notify_one();
  }
}

void Pool::start_workers(int count) {
  while (workers < count) {
    try {
      std::thread([this, thread = workers + 1] { work(thread); }).detach();
    } catch (const std::system_error&) {
      return;  // the system gives no more threads: the work goes on with those there are
    }
    ++workers;
  }
}

void Pool::run(Region& r, int helpers) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    start_workers(helpers);
    region = &r;
    wanted = std::min(helpers, workers);
    generation.fetch_add(1, std::memory_order_release);
  }
  helpers == 1 ? wake.notify_one() : wake.notify_all();
  while (r.run_one(0))
    if (poll() != TW_OK) r.company.cancelled.store(true, std::memory_order_relaxed);
  const auto is_over = [this] { return active.load(std::memory_order_acquire) == 0; };
  spin(is_over);
  std::unique_lock<std::mutex> lock(mutex);
  wanted = 0;  // who has not joined by now is not needed
  done.wait(lock, is_over);
  region = nullptr;
}

void before_fork() {
  if (Pool* p = pool.load()) p->mutex.lock();
}
void after_fork_in_parent() {
  if (Pool* p = pool.load()) p->mutex.unlock();
}
void after_fork_in_child() {
  inside_chunk = false;
  company = nullptr;
  pool.store(nullptr);  // the old one is abandoned: its workers and waiters are the parent's
}

// While the library is loaded: registering waits for a fork that another thread has begun.
[[maybe_unused]] const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

Pool& the_pool() {
  Pool* p = pool.load(std::memory_order_acquire);
  if (p) return *p;
  auto* fresh = new Pool;
  if (pool.compare_exchange_strong(p, fresh)) return *fresh;
  delete fresh;
  return *p;
}

int initial_threads() {
  if (const char* text = std::getenv("TENSORWRIGHT_NUM_THREADS")) {
    const int n = std::atoi(text);
    if (n >= 1 && n <= kMaxThreads) return n;
  }
  return std::min(available_cpus(), kMaxThreads);
}

// As poll, also inside of chunks.
tw_status look() {
  if (!inside_chunk) return poll();
  if (company->caller == &inside_chunk && poll() != TW_OK) company->cancelled.store(true);
  return company->cancelled.load(std::memory_order_relaxed) ? set_error(TW_E_CANCELLED, "interrupted") : TW_OK;
}

tw_status run_alone(const Work& work, int64_t chunks) {
  Company alone;
  tw_status status = TW_OK;
  for (int64_t turn = 0; turn < chunks && status == TW_OK && !alone.cancelled; ++turn) {
    work.run(work.chunk_at(turn, 0, chunks), alone);
    if (chunks > 1) status = look();
  }
  return status == TW_OK && alone.cancelled ? set_error(TW_E_CANCELLED, "interrupted") : status;
}

}  // namespace

int num_threads() {
  int n = threads_wanted.load(std::memory_order_relaxed);
  if (n == 0) threads_wanted.store(n = initial_threads(), std::memory_order_relaxed);
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads)
    throw fail(TW_E_VALUE, "set_num_threads: expected 1 to ", kMaxThreads, " threads, got ", n);
  threads_wanted.store(n, std::memory_order_relaxed);
}

tw_status parallel_for(int64_t begin, int64_t end, int64_t grain, void (*f)(void*, int64_t, int64_t), void* context) {
  if (end <= begin) return TW_OK;
  if (grain < 1) grain = 1;
  Work work{f, context, begin, end, grain, false};
  const int64_t chunks = work.chunks();
  if (chunks > 1 && !inside_chunk) work.backwards = last_went_back = !last_went_back;
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), chunks));
  if (threads == 1 || inside_chunk) return run_alone(work, chunks);
  Pool& p = the_pool();
  if (p.busy.exchange(true, std::memory_order_acquire)) return run_alone(work, chunks);
  Region r(work, threads);
  p.run(r, threads - 1);
  p.busy.store(false, std::memory_order_release);
  return r.company.cancelled.load(std::memory_order_relaxed) ? TW_E_CANCELLED : TW_OK;
}

bool in_parallel() { return inside_chunk; }

void set_poll_hook(bool (*interrupted)()) { poll_hook.store(interrupted); }

tw_status poll() {
  bool (*hook)() = poll_hook.load(std::memory_order_relaxed);
  return hook && hook() ? set_error(TW_E_CANCELLED, "interrupted") : TW_OK;
}

void stop_if_interrupted() { check(look()); }

}  // namespace tw::threads
