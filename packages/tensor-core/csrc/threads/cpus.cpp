// How many CPUs are ours. A container's limit is a CPU quota, which the affinity mask does not show.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "runtime/text.h"
#include "threads/pool.h"

namespace tw::threads {

namespace {

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

double quota(const std::string& folder, bool unified) {
  double limit = -1, period = -1;
  if (unified) {
    std::string text;
    std::ifstream file(folder + "/cpu.max");
    if (!(file >> text >> period) || text == "max") return INFINITY;
    limit = std::strtod(text.c_str(), nullptr);
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> limit;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return limit > 0 && period > 0 ? limit / period : INFINITY;
}

// The tightest quota from a group up to the root of its hierarchy.
double tightest(const std::string& mount, std::string group, bool unified) {
  double best = quota(mount, unified);
  while (group.size() > 1) {
    best = std::min(best, quota(mount + group, unified));
    group.resize(group.rfind('/'));
  }
  return best;
}

}  // namespace

double cgroup_cpus(const std::string& root) {
  double best = INFINITY;
  const std::string mounts = root + "/sys/fs/cgroup";
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "id:controllers:path"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty())
      best = std::min(best, tightest(mounts, path, true));
    else if (text(",", controllers, ",").find(",cpu,") != std::string::npos)
      best = std::min(best, tightest(text(mounts, "/", controllers), path, false));
  }
  return best;
}

int available_cpus() {
  const double limit = std::max(1.0, std::ceil(cgroup_cpus("") - 1e-9));
  return std::max(1, static_cast<int>(std::min<double>(affinity_cpus(), limit)));
}

}  // namespace tw::threads
