#pragma once
// Survival functions P(X > x) of the distributions that tests need. All keep their relative accuracy far out in the
// tail (p of 1e-300), where 1 - P(X <= x) would be 0, and for degrees of freedom from below 1 to millions.
//
// Degrees of freedom may be fractions, must be above 0, and infinity is a limit that is taken. Arguments below the
// distribution's range give 1, NaN gives NaN; other arguments that make no sense are Error(internal).
namespace cmtl {

// Standard normal; agrees with scipy.stats.norm.sf.
double normal_survival(double x);
// Agrees with scipy.stats.chi2.sf.
double chi_square_survival(double x, double df);
// Agrees with scipy.stats.f.sf.
double f_survival(double x, double df1, double df2);
// One tail of Student's t; agrees with scipy.stats.t.sf.
double t_survival(double x, double df);
// The range of `groups` normal means in units of an independent standard deviation of `df` degrees of freedom, for
// Tukey and Games-Howell tests: R's ptukey(q, groups, df, lower.tail = FALSE), scipy.stats.studentized_range.sf, both
// of which lose the tail below some 1e-12.
double studentized_range_survival(double q, int groups, double df);
// The largest of `count` independent |t| that share one standard deviation (studentised maximum modulus), for
// Dunnett's T3.
double maximum_modulus_survival(double t, int count, double df);

// P(X <= successes) of a binomial variable, 0 <= successes <= trials, 0 < p < 1; agrees with scipy.stats.binom.cdf.
double binomial_cdf(double successes, double trials, double p);

// Regularised incomplete functions: I_x(a, b) with y = 1 - x, handed over since it may have more digits than 1 - x;
// and Q(a, x).
double incomplete_beta(double a, double b, double x, double y);
double upper_incomplete_gamma(double a, double x);

}  // namespace cmtl
