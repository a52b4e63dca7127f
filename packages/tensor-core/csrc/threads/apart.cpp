#include "threads/apart.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "threads/pool.h"

namespace tw::threads {

namespace {

constexpr auto kBetweenPolls = std::chrono::milliseconds(50);

// Shared by the caller and the thread that computes: the last of them to leave frees it.
struct Job {
  int64_t (*call)(void* self, void* const* places);
  std::unique_ptr<char[]> self;
  std::shared_ptr<void> kept;
  std::vector<std::unique_ptr<char[]>> copies;
  std::vector<void*> places;
  int64_t result = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;

  void compute() noexcept {
    try {
      result = call(self.get(), places.data());
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex);
    done = true;
    changed.notify_all();
  }
};

// A library that is unloaded while a thread is inside of it takes the process down, so the end of the program waits.
struct Abandoned {
  std::mutex mutex;
  std::vector<std::shared_ptr<Job>> jobs;
  pid_t process = getpid();  // a forked child has none of the threads
};

Abandoned& abandoned() {
  static auto* instance = [] {
    std::atexit([] {
      Abandoned& all = abandoned();
      if (all.process != getpid()) return;
      for (const std::shared_ptr<Job>& job : all.jobs) {
        std::unique_lock<std::mutex> lock(job->mutex);
        job->changed.wait(lock, [&] { return job->done; });
      }
    });
    return new Abandoned;
  }();
  return *instance;
}

bool is_done(Job& job) {
  const std::lock_guard<std::mutex> lock(job.mutex);
  return job.done;
}

void abandon(const std::shared_ptr<Job>& job) {
  Abandoned& all = abandoned();
  const std::lock_guard<std::mutex> lock(all.mutex);
  auto& jobs = all.jobs;
  for (size_t i = jobs.size(); i-- > 0;)
    if (is_done(*jobs[i])) jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
  jobs.push_back(job);
}

std::unique_ptr<char[]> copy_of(const void* data, size_t bytes) {
  std::unique_ptr<char[]> copy(new char[bytes]);
  for_pieces(0, static_cast<int64_t>(bytes), [&](int64_t first, int64_t last) {
    std::memcpy(copy.get() + first, static_cast<const char*>(data) + first, static_cast<size_t>(last - first));
  });
  return copy;
}

void wait(const std::shared_ptr<Job>& job) {
  std::unique_lock<std::mutex> lock(job->mutex);
  while (!job->changed.wait_for(lock, kBetweenPolls, [&] { return job->done; })) {
    lock.unlock();
    try {
      stop_if_interrupted();
    } catch (...) {
      abandon(job);
      throw;
    }
    lock.lock();
  }
}

}  // namespace

int64_t run_apart(const Operand* operands, size_t count, const Routine& routine, std::shared_ptr<void> kept) {
  auto job = std::make_shared<Job>();
  job->call = routine.call;
  job->self = copy_of(routine.self, routine.bytes);
  job->kept = std::move(kept);
  for (size_t i = 0; i < count; ++i) {
    job->copies.push_back(copy_of(operands[i].data, operands[i].bytes));
    job->places.push_back(job->copies.back().get());
  }
  try {
    std::thread([job] { job->compute(); }).detach();
  } catch (const std::system_error&) {
    job->compute();  // the system gives no more threads
  }
  wait(job);
  if (job->failure) std::rethrow_exception(job->failure);
  for (size_t i = 0; i < count; ++i)
    if (operands[i].written) std::memcpy(operands[i].data, job->places[i], operands[i].bytes);
  return job->result;
}

}  // namespace tw::threads
