#include "cpu/special/incomplete_gamma.h"

#include "cpu/pointwise/broadcast_loop.h"
#include "declarations/special.h"

namespace tw::cpu {

// c_0 = 1 / mu - 1 / eta, c_k = c_(k-1)' / eta + (-1)^k g_k / mu in powers of eta, with eta^2 / 2 = mu - log(1 + mu)
// and the coefficients g_k of Stirling's series.
const double kTemme[kTemmeTerms][kTemmeOrders] = {
    {-0.3333333333333333, -0.001851851851851852, 0.004133597883597883, 0.0006494341563786008, -0.0008618882909167117,
     -0.00033679855336635813, 0.0005313079364639922, 0.00034436760689237765, -0.0006526239185953094,
     -0.0005967612901927463, 0.0013324454494800656, 0.001579727660730835, -0.004072512119514016},
    {0.08333333333333333, -0.003472222222222222, -0.0026813271604938273, 0.00022947209362139917, 0.0007840392217200666,
     -6.972813758365857e-05, -0.0005921664373536939, 5.171790908260592e-05, 0.0008394987206720873,
     -7.204895416020011e-05, -0.0019144384985654776, 0, 0},
    {-0.014814814814814815, 0.0026455026455026454, 0.0007716049382716049, -0.0004691894943952557,
     -0.0002990724803031902, 0.0002772753244959392, 0.0002708782096718045, -0.00033493161081142234,
     -0.000438297098541721, 0.0006782308837667328, 0, 0, 0},
    {0.0011574074074074073, -0.0009902263374485596, 2.0093878600823047e-06, 0.00026772063206283885,
     -1.4638452578843418e-06, -0.00019932570516188847, 7.902353232660328e-07, 0.0002812695154763237,
     -6.969091458420552e-07, -0.0006401475260262758, 0, 0, 0},
    {0.0003527336860670194, 0.00020576131687242798, -0.0001073665322636516, -7.561801671883977e-05,
     6.641498215465122e-05, 6.797780477937208e-05, -8.153969367561969e-05, -0.00010976582244684731,
     0.00016644846642067547, 0, 0, 0, 0},
    {-0.0001787551440329218, -4.018775720164609e-07, 5.2923448829120125e-05, -2.396505113867297e-07,
     -3.968365047179435e-05, 1.419062920643967e-07, 5.61168275310625e-05, -1.2741009095484485e-07,
     -0.00012783517679769218, 0, 0, 0, 0},
    {3.919263178522438e-05, -1.8098550334489977e-05, -1.2760635188618728e-05, 1.1082654115347302e-05,
     1.1375726970678419e-05, -1.3594048189768693e-05, -1.8329116582843375e-05, 2.7744451511563645e-05, 0, 0, 0, 0, 0},
    {-2.185448510679992e-06, 7.64916091608111e-06, 3.423578734096138e-08, -5.6749528269915965e-06,
     2.507497226237533e-10, 8.018470256334202e-06, -3.0796134506033047e-09, 0, 0, 0, 0, 0, 0},
    {-1.85406221071516e-06, -1.6120900894563446e-06, 1.3721957309062934e-06, 1.4230900732435883e-06,
     -1.6954149536558305e-06, -2.291481176508095e-06, 3.465155368803609e-06, 0, 0, 0, 0, 0, 0},
    {8.296711340953087e-07, 4.647127802807434e-09, -6.298992138380055e-07, -2.7861080291528143e-11,
     8.907507532205309e-07, 0, 0, 0, 0, 0, 0, 0, 0},
    {-1.7665952736826078e-07, 1.378633446915721e-07, 1.4280614206064242e-07, -1.6958404091930278e-07,
     -2.292934834000805e-07, 0, 0, 0, 0, 0, 0, 0, 0},
    {6.707853543401498e-09, -5.752545603517705e-08, -2.0477098421990866e-10, 8.099464905388083e-08, 0, 0, 0, 0, 0, 0, 0,
     0, 0},
    {1.0261809784240309e-08, 1.1951628599778148e-08, -1.409252991086752e-08, -1.9111168485973655e-08, 0, 0, 0, 0, 0, 0,
     0, 0, 0},
    {-4.382036018453353e-09, -1.7543241719747647e-11, 6.228974084922022e-09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {9.14769958223679e-10, -1.0091543710600413e-09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {-2.5514193994946248e-11, 4.162792991842583e-10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {-5.830772132550426e-11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kWork = 500;

// P for all arguments: NaN for negative ones, limits at 0 and infinity.
double lower_incomplete_gamma(double a, double x, double tolerance) {
  if (!(a >= 0) || !(x >= 0)) return kNaN;
  if (a == 0) return x > 0 ? 1 : kNaN;
  if (x == 0) return 0;
  if (a == kInfinity) return x == kInfinity ? kNaN : 0;
  return x == kInfinity ? 1 : incomplete_gamma(a, x, false, tolerance);
}

double upper_incomplete_gamma(double a, double x, double tolerance) {
  if (!(a >= 0) || !(x >= 0)) return kNaN;
  if (a == 0) return x > 0 ? 0 : kNaN;
  if (x == 0) return 1;
  if (a == kInfinity) return x == kInfinity ? kNaN : 1;
  return x == kInfinity ? 0 : incomplete_gamma(a, x, true, tolerance);
}

// In float64, as exactly as the result's type deserves.
template <class F>
void fill(const char* op, TensorRef a, TensorRef x, TensorRef out, F f) {
  const tw_dtype dtype = compute_dtype(out.dtype());
  visit_floating(op, dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    constexpr double kTolerance = sizeof(T) == 4 ? 1e-9 : kFullTolerance;
    fill_from_pairs<T>(a, x, out, dtype, kWork,
                       [f](T order, T at) { return static_cast<T>(f(double{order}, double{at}, kTolerance)); });
  });
}

double lower_slope(double a, double x) {
  if (!(a > 0) || !(x >= 0)) return kNaN;
  if (x == 0 || x == kInfinity || a == kInfinity) return 0;
  return incomplete_gamma(Dual(a, 1), x, false).slope;
}

}  // namespace

void igamma(TensorRef self, TensorRef other, TensorRef out) {
  fill("igamma", self, other, out, lower_incomplete_gamma);
}
void igammac(TensorRef self, TensorRef other, TensorRef out) {
  fill("igammac", self, other, out, upper_incomplete_gamma);
}
void igamma_grad_self(TensorRef self, TensorRef other, TensorRef out) {
  fill_from_float_pairs("igamma", self, other, out, kWork, lower_slope);
}

}  // namespace tw::cpu
