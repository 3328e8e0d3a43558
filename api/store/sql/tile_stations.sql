-- Service stations.
-- Side by side: the tile in EPSG:3857, and in EPSG:4490, where the spatial indexes are, with its buffer.
WITH tile AS (SELECT ST_TileEnvelope(:z, :x, :y) AS drawn,
                     ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), 4490) AS stored)
SELECT ST_AsMVT(features, 'stations', 4096, 'geom') FROM (
    SELECT code, name, kind, ST_AsMVTGeom(ST_Transform(location, 3857), tile.drawn, 4096, 64, true) AS geom
    FROM tile JOIN station ON territory_id = :territory AND location && tile.stored
    ORDER BY code
) AS features WHERE geom IS NOT NULL
