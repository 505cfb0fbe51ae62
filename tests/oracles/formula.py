"""Numbers that Python and C++ make alike (tests/oracles/golden.hpp): goldens need not store inputs and weights."""
import math

import numpy as np


def fnv1a(text, bits=32):
    offset, prime = {32: (0x811C9DC5, 0x01000193), 64: (0xCBF29CE484222325, 0x100000001B3)}[bits]
    value = offset
    for byte in text.encode():
        value = ((value ^ byte) * prime) % (1 << bits)
    return value


def words(name, count):
    """One 32-bit word per index: the name's hash plus a Weyl sequence, through MurmurHash3's finaliser."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(fnv1a(name))
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x85EBCA6B)
        x ^= x >> np.uint32(13)
        x *= np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
    return x


def uniform(name, shape, scale=1.0, offset=0.0):
    """f32: offset + scale * u, u uniform in [-1, 1) with 24 bits; indices run in PyTorch's order of axes."""
    count = math.prod(shape)
    u = (words(name, count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (np.float32(offset) + np.float32(scale) * u).reshape(shape)


def volume(name, shape):
    """(N, 1, D, H, W): blocks of 16 voxels a side plus a little noise, because plain noise averages out in depth and leaves
    batch normalisation differences of nearly equal numbers."""
    n, _, *size = shape
    coarse = uniform(name + "/blocks", [n, 1] + [(s + 15) // 16 for s in size], 2.0)
    z, y, x = np.ix_(*(np.arange(s) // 16 for s in size))
    return coarse[:, :, z, y, x] + uniform(name, shape, 0.5)


NORMS = ("_bn.", "convbn.1.", ".bn.", ".bn1.", ".bn2.", "downsample.1.")  # batch normalisations, in names


def parameter(name, shape):
    """First weights by name and shape, about as large as a trained network's. Batch normalisations shift by about 1, so
    that one ReLU in six is closed: around 0, float32's rounding grows tenfold on its way through the network."""
    if name.endswith("running_var"):
        return uniform(name, shape, 2.0, 8.0)
    if name.endswith("running_mean"):
        return uniform(name, shape, 0.125)
    if len(shape) == 5:  # the variance of Kaiming's normal, fan_out
        return uniform(name, shape, math.sqrt(6.0 / (shape[0] * math.prod(shape[2:]))))
    if len(shape) == 2:
        return uniform(name, shape, math.sqrt(3.0 / shape[1]))
    if name.endswith("weight"):  # of a batch normalisation
        return uniform(name, shape, 0.25, 1.0)
    return uniform(name, shape, 0.125, 1.0 if any(norm in name for norm in NORMS) else 0.0)


def subset(name, array, limit=1000):
    """The tensor, or `limit` of its elements when it has more."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    if flat.size <= limit:
        return flat
    return flat[words("subset/" + name, limit) % np.uint32(flat.size)]


def philox(seed, subsequence, indices):
    """Philox4x32-10 (Salmon et al., SC 2011) in cuRAND's layout: (len(indices), 4) words."""
    mask = np.uint64(0xFFFFFFFF)
    index = np.asarray(indices, dtype=np.uint64)
    counter = [index & mask, index >> np.uint64(32), np.full_like(index, subsequence & 0xFFFFFFFF),
               np.full_like(index, subsequence >> 32)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        counter = [(p1 >> np.uint64(32)) ^ counter[1] ^ np.uint64(k0), p1 & mask,
                   (p0 >> np.uint64(32)) ^ counter[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(counter, axis=-1).astype(np.uint32)


PURPOSE = {"shift3d": 3, "dropout": 4, "test": 11}  # engine/random.hpp


def key(purpose, step):
    return (PURPOSE[purpose] << 40) | step


def uniform_float(word):
    return word.astype(np.float32) * np.float32(2.3283064e-10) + np.float32(1.1641532e-10)


def dropout_mask(seed, purpose, step, shape, p):
    """Kept or not, for a tensor of channels-last `shape`."""
    count = math.prod(shape)
    drawn = philox(seed, key(purpose, step), np.arange((count + 3) // 4)).reshape(-1)[:count]
    return (uniform_float(drawn).astype(np.float64) > p).reshape(shape)
