-- Estates under buildings; names only for those who may see persons everywhere in the territory.
-- Side by side: the tile in EPSG:3857, and in EPSG:4490, where the spatial indexes are, with its buffer.
WITH tile AS (SELECT ST_TileEnvelope(:z, :x, :y) AS drawn,
                     ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096), 4490) AS stored)
SELECT ST_AsMVT(features, 'footprints', 4096, 'geom') FROM (
    SELECT kind, CASE WHEN :names THEN name END AS name,
           ST_AsMVTGeom(ST_Transform(footprint, 3857), tile.drawn, 4096, 64, true) AS geom
    FROM tile JOIN subject ON territory_id = :territory AND footprint && tile.stored
    WHERE kind IN ('estate', 'building')
    ORDER BY kind DESC
) AS features WHERE geom IS NOT NULL
