-- Streets of the classes that the zoom shows.
-- Side by side: the tile in EPSG:3857, and in EPSG:4490, where the spatial indexes are, with its buffer.
WITH tile AS (SELECT ST_TileEnvelope(:z, :x, :y) AS drawn,
                     ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), 4490) AS stored)
SELECT ST_AsMVT(features, 'streets', 4096, 'geom') FROM (
    SELECT kind, name, ST_AsMVTGeom(ST_Transform(geom, 3857), tile.drawn, 4096, 64, true) AS geom
    FROM tile JOIN street_edge ON territory_id = :territory AND geom && tile.stored
    WHERE :every OR kind IN :kinds
) AS features WHERE geom IS NOT NULL
