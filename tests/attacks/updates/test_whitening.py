"""Whitening: nothing is lost in the span, and clutter is weighed down as the theory says."""

from __future__ import annotations

import numpy as np
import torch

from attacks.updates.whitening import basis, coordinates, matched, noisy, scatter

RNG = np.random.default_rng(0)


def test_the_basis_keeps_all_products_of_what_lies_in_its_span():
    rows = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    columns = basis(rows)
    torch.testing.assert_close(columns.T @ columns, torch.eye(5), atol=1e-5, rtol=0)
    seen = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    kept = coordinates(seen, columns) @ coordinates(rows, columns).T
    np.testing.assert_allclose(kept, (seen @ rows.T).numpy(), atol=1e-4)


def test_scatter_is_the_covariance_and_a_share_of_its_mean():
    residuals = RNG.standard_normal((50, 4))
    residuals -= residuals.mean(0)
    exact = np.cov(residuals.T)
    np.testing.assert_allclose(scatter(residuals, 49, 0.0), exact)
    more = scatter(residuals, 49, 0.5) - exact
    np.testing.assert_allclose(more, np.trace(exact) / 4 / 2 * np.eye(4), atol=1e-12)


def test_the_mean_of_directions_leaves_out_those_that_residuals_cannot_fill():
    residuals = np.diag([1.0, 1.0, 0.0, 0.0])[:2]
    np.testing.assert_allclose(scatter(residuals, 2, 1.0), np.diag([1.0, 1.0, 0.5, 0.5]))


def test_without_structure_the_matched_filter_is_the_inner_product():
    templates, seen = RNG.standard_normal((2, 6)), RNG.standard_normal((3, 6))
    np.testing.assert_allclose(matched(templates, seen, np.eye(6)), seen @ templates.T)


def test_the_matched_filter_reaches_the_separation_that_gaussians_allow():
    template = np.array([[1.0, 1.0]])
    clutter = noisy(np.diag([100.0, 0.0]), 1, 0.5)
    noise = RNG.multivariate_normal(np.zeros(2), clutter, 20_000)
    found = matched(template, template + noise, clutter), matched(template, noise, clutter)
    apart = (found[0].mean() - found[1].mean()) / found[1].std()
    ideal = float(matched(template, template, clutter)[0, 0]) ** 0.5
    plain = 2 / (noise @ template[0]).std()
    np.testing.assert_allclose(apart, ideal, rtol=0.03)
    assert apart > 5 * plain
