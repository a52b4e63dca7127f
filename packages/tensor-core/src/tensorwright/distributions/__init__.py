"""Probability distributions: densities, samples with gradients, entropies, divergences, transforms.

Example:
    >>> import tensorwright as tw
    >>> policy = tw.distributions.Categorical(probs=tw.tensor([0.2, 0.8]))
    >>> round(policy.log_prob(tw.tensor(1)).item(), 4)
    -0.2231
"""

from tensorwright.distributions import constraints as constraints
from tensorwright.distributions import kl as kl
from tensorwright.distributions import transforms as transforms
from tensorwright.distributions.categorical import Categorical as Categorical
from tensorwright.distributions.categorical import Multinomial as Multinomial
from tensorwright.distributions.categorical import OneHotCategorical as OneHotCategorical
from tensorwright.distributions.categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
from tensorwright.distributions.constraint_registry import biject_to as biject_to
from tensorwright.distributions.constraint_registry import transform_to as transform_to
from tensorwright.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from tensorwright.distributions.derived import GeneralizedPareto as GeneralizedPareto
from tensorwright.distributions.derived import Gumbel as Gumbel
from tensorwright.distributions.derived import InverseGamma as InverseGamma
from tensorwright.distributions.derived import Kumaraswamy as Kumaraswamy
from tensorwright.distributions.derived import LogNormal as LogNormal
from tensorwright.distributions.derived import Pareto as Pareto
from tensorwright.distributions.derived import Weibull as Weibull
from tensorwright.distributions.discrete import Bernoulli as Bernoulli
from tensorwright.distributions.discrete import Binomial as Binomial
from tensorwright.distributions.discrete import Geometric as Geometric
from tensorwright.distributions.discrete import NegativeBinomial as NegativeBinomial
from tensorwright.distributions.discrete import Poisson as Poisson
from tensorwright.distributions.distribution import Distribution as Distribution
from tensorwright.distributions.distribution import ExponentialFamily as ExponentialFamily
from tensorwright.distributions.gamma_family import Beta as Beta
from tensorwright.distributions.gamma_family import Chi2 as Chi2
from tensorwright.distributions.gamma_family import Dirichlet as Dirichlet
from tensorwright.distributions.gamma_family import Exponential as Exponential
from tensorwright.distributions.gamma_family import FisherSnedecor as FisherSnedecor
from tensorwright.distributions.gamma_family import Gamma as Gamma
from tensorwright.distributions.gamma_family import StudentT as StudentT
from tensorwright.distributions.kl import kl_divergence as kl_divergence
from tensorwright.distributions.kl import register_kl as register_kl
from tensorwright.distributions.location_scale import Cauchy as Cauchy
from tensorwright.distributions.location_scale import HalfCauchy as HalfCauchy
from tensorwright.distributions.location_scale import HalfNormal as HalfNormal
from tensorwright.distributions.location_scale import Laplace as Laplace
from tensorwright.distributions.location_scale import Normal as Normal
from tensorwright.distributions.location_scale import Uniform as Uniform
from tensorwright.distributions.matrix_valued import LKJCholesky as LKJCholesky
from tensorwright.distributions.matrix_valued import Wishart as Wishart
from tensorwright.distributions.multivariate import LogisticNormal as LogisticNormal
from tensorwright.distributions.multivariate import LowRankMultivariateNormal as LowRankMultivariateNormal
from tensorwright.distributions.multivariate import MultivariateNormal as MultivariateNormal
from tensorwright.distributions.relaxed import RelaxedBernoulli as RelaxedBernoulli
from tensorwright.distributions.relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from tensorwright.distributions.transformed import Independent as Independent
from tensorwright.distributions.transformed import MixtureSameFamily as MixtureSameFamily
from tensorwright.distributions.transformed import TransformedDistribution as TransformedDistribution
from tensorwright.distributions.transforms import AbsTransform as AbsTransform
from tensorwright.distributions.transforms import AffineTransform as AffineTransform
from tensorwright.distributions.transforms import CatTransform as CatTransform
from tensorwright.distributions.transforms import ComposeTransform as ComposeTransform
from tensorwright.distributions.transforms import CorrCholeskyTransform as CorrCholeskyTransform
from tensorwright.distributions.transforms import CumulativeDistributionTransform as CumulativeDistributionTransform
from tensorwright.distributions.transforms import ExpTransform as ExpTransform
from tensorwright.distributions.transforms import IndependentTransform as IndependentTransform
from tensorwright.distributions.transforms import LowerCholeskyTransform as LowerCholeskyTransform
from tensorwright.distributions.transforms import PositiveDefiniteTransform as PositiveDefiniteTransform
from tensorwright.distributions.transforms import PowerTransform as PowerTransform
from tensorwright.distributions.transforms import ReshapeTransform as ReshapeTransform
from tensorwright.distributions.transforms import SigmoidTransform as SigmoidTransform
from tensorwright.distributions.transforms import SoftmaxTransform as SoftmaxTransform
from tensorwright.distributions.transforms import SoftplusTransform as SoftplusTransform
from tensorwright.distributions.transforms import StackTransform as StackTransform
from tensorwright.distributions.transforms import StickBreakingTransform as StickBreakingTransform
from tensorwright.distributions.transforms import TanhTransform as TanhTransform
from tensorwright.distributions.transforms import Transform as Transform
from tensorwright.distributions.transforms import identity_transform as identity_transform
from tensorwright.distributions.von_mises import VonMises as VonMises
