-- TCAS of token tables, bit for bit what `mimlet tcas` prints: TCAS.md says why.
--
-- tokens(image, patch, token, label): one row for each patch; a null label is not counted.
-- Gives one row: tcas (null without a labelled patch, or with more than 262144 used tokens),
-- used_tokens, patches.
--
-- Only single operations that IEEE 754 defines are done on DOUBLE; all sums are of whole numbers,
-- exact in any order and on any number of machines. 3.5184372088832E13 is 2^45, and
-- 4.503599627370496E15 is 2^52.
WITH counts AS (        -- R, without its zeros
    SELECT token, label, COUNT(*) AS n
    FROM tokens
    WHERE label IS NOT NULL
    GROUP BY token, label
),
sized AS (              -- with the patches of each token
    SELECT token, label, n, SUM(n) OVER (PARTITION BY token) AS size
    FROM counts
),
shares AS (             -- r
    SELECT token, label, CAST(n AS DOUBLE) / CAST(size AS DOUBLE) AS share
    FROM sized
),
products AS (           -- r_ia r_ib, in units of 2^-45
    SELECT
        x.label AS a,
        y.label AS b,
        CAST(CAST(FLOOR(x.share * y.share * 3.5184372088832E13) AS BIGINT) AS DECIMAL(38, 0))
            AS product
    FROM shares x
    JOIN shares y ON x.token = y.token AND x.label <= y.label
),
class_pairs AS (        -- sum_{i != j} r_ia r_ib r_ja r_jb, in units of 2^-90
    SELECT a, b, SUM(product) * SUM(product) - SUM(product * product) AS units
    FROM products
    GROUP BY a, b
),
overlap AS (            -- sum_{i != j} C_ij^2; (a, b) stands for (b, a) too
    SELECT CAST(SUM(CASE WHEN a = b THEN units ELSE units + units END) AS DOUBLE) AS units
    FROM class_pairs
),
token_impurity AS (     -- 1 - C_ii, in units of 2^-52
    SELECT
        size,
        CAST(CAST(FLOOR(
            CAST(SUM(CAST(n AS DECIMAL(38, 0)) * CAST(size - n AS DECIMAL(38, 0))) AS DOUBLE)
            / (CAST(size AS DOUBLE) * CAST(size AS DOUBLE)) * 4.503599627370496E15
        ) AS BIGINT) AS DECIMAL(38, 0)) AS units
    FROM sized
    GROUP BY token, size
),
impurity AS (           -- sum_i (1 - C_ii)^2, in units of 2^-104
    SELECT
        CAST(SUM(units * units) AS DOUBLE) AS units,
        COUNT(*) AS used_tokens,
        SUM(size) AS patches
    FROM token_impurity
)
SELECT
    CASE WHEN used_tokens <= 262144 THEN
        impurity.units / 4.503599627370496E15 / 4.503599627370496E15
            / CAST(used_tokens AS DOUBLE)
        + overlap.units / 3.5184372088832E13 / 3.5184372088832E13
            / (CAST(used_tokens AS DOUBLE) * CAST(used_tokens AS DOUBLE))
    END AS tcas,
    used_tokens,
    patches
FROM impurity
CROSS JOIN overlap
