-- Faults; a sliver thinner than the tile's grid would vanish, so its point stands for it.
-- Side by side: the tile in EPSG:3857, and in EPSG:4490, where the spatial indexes are, with its buffer.
WITH tile AS (SELECT ST_TileEnvelope(:z, :x, :y) AS drawn,
                     ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), 4490) AS stored),
marked AS (
    SELECT fault.*, ST_PointOnSurface(geom) AS point FROM tile JOIN fault
    ON version_id = :version AND geom && tile.stored
)
SELECT ST_AsMVT(features, 'faults', 4096, 'geom') FROM (
    SELECT number, kind, severity,
           coalesce(ST_AsMVTGeom(ST_Transform(geom, 3857), tile.drawn, 4096, 64, true),
                    ST_AsMVTGeom(ST_Transform(point, 3857), tile.drawn, 4096, 64, true)) AS geom
    FROM marked, tile ORDER BY number
) AS features WHERE geom IS NOT NULL
