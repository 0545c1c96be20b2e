"""Expanded weights of the real BVLC GoogLeNet against an independent network in PyTorch, channels first, float64."""

import numpy as np
import pytest

from circuits import expanded_weights

pytestmark = [pytest.mark.frameworks, pytest.mark.shared]


class Linear:
    """GoogLeNet from `deploy.prototxt`, without ReLUs and with average pools; keeps each activation it is asked for."""

    def __init__(self, torch, weights):
        self.torch, self.nn, self.weights, self.kept = torch, torch.nn.functional, weights, {}

    def __call__(self, lower, upper):
        """The activations of both layers for a black image; the lower one has gradients from there on."""
        self.kept, self.lower = {}, lower
        x = self.torch.zeros(1, 3, 224, 224, dtype=self.torch.float64)
        x = self.conv("conv2d0", x - self.torch.tensor([123.0, 117.0, 104.0])[:, None, None], 2)
        x = self.keep("maxpool0", self.pool(x, 2))
        x = self.conv("conv2d2", self.conv("conv2d1", self.norm(x)))
        x = self.keep("maxpool1", self.pool(self.norm(x), 2))
        for block in ("mixed3a", "mixed3b", "mixed4a"):
            x = self.keep("maxpool4", self.pool(x, 2)) if block == "mixed4a" else x
            three, five = (self.conv(f"{block}_{n}_bottleneck", x) for n in ("3x3", "5x5"))
            branches = [("1x1", x), ("3x3", three), ("5x5", five), ("pool_reduce", self.pool(x, 1))]
            x = self.keep(block, self.torch.cat([self.conv(f"{block}_{name}", y) for name, y in branches], 1))
        return self.kept[lower], self.kept[upper]

    def keep(self, name, x):
        if name == self.lower:
            x = x.detach().requires_grad_()
        self.kept[name] = x
        return x

    def conv(self, name, x, stride=1):
        kernel, bias = (np.asarray(self.weights[name][part], np.float64) for part in ("kernel", "bias"))
        kernel = self.torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        return self.keep(name, self.nn.conv2d(x, kernel, self.torch.from_numpy(bias), stride, kernel.shape[-1] // 2))

    def pool(self, x, stride):
        return self.nn.avg_pool2d(x, 3, stride, 1 if stride == 1 else 0, ceil_mode=True, count_include_pad=False)

    def norm(self, x):
        return self.nn.local_response_norm(x, 5, 1e-4, 0.75, 1.0)


@pytest.mark.parametrize(
    ("lower", "upper", "side"),
    [("mixed3a", "mixed3b", 5), ("maxpool1", "mixed3b", 9), ("mixed3b", "mixed4a", 11), ("conv2d0", "mixed3a", 27)],
)
def test_the_real_network(lower, upper, side, bvlc):
    torch = pytest.importorskip("torch")
    start, end = Linear(torch, bvlc.weights)(lower, upper)
    units = np.random.default_rng(0).choice(end.shape[1], 12, replace=False).tolist()
    units += [0, end.shape[1] - 1]
    middle = (end.shape[2] - 1) // 2
    expected = []
    for unit in units:
        (gradient,) = torch.autograd.grad(end[0, unit, middle, middle], start, retain_graph=True)
        expected.append(gradient[0].numpy())
    centre, radius = (start.shape[2] - 1) // 2, side // 2
    around = slice(centre - radius, centre + radius + 1)
    expected = np.stack(expected)
    found = expanded_weights(bvlc, lower, upper, units=units)
    assert found.shape == (14, start.shape[1], side, side)
    # All of the gradient lies in the receptive field; the rest are rounding errors of float32 sums.
    assert np.square(expected[:, :, around, around]).sum() == pytest.approx(np.square(expected).sum(), rel=1e-12)
    np.testing.assert_allclose(found, expected[:, :, around, around], rtol=0, atol=1e-5 * np.abs(expected).max())
