"""How far a contestant's features are from the reference's. Standard library only: the driver runs
before any package is there."""

import math
from array import array


def read(path):
    values = array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    return values


def worst_token(features, reference, dim):
    """The largest distance of a token's features from the reference's, as a share of their length;
    infinite when a value is not finite or the shapes differ."""
    if len(features) != len(reference) or not reference:
        return math.inf
    worst = 0.0
    for start in range(0, len(reference), dim):
        a, b = features[start : start + dim], reference[start : start + dim]
        length = math.sqrt(sum(y * y for y in b))
        share = math.dist(a, b) / length if length else math.inf
        if not share <= worst:
            worst = share
        if math.isnan(worst):
            return math.inf
    return worst
