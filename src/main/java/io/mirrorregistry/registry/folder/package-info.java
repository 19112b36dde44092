/**
 * The folder of images: reads an OCI image layout, the registry that comes with the mirror.
 *
 * <p>{@link io.mirrorregistry.images.ImageLayout} answers from a {@code Catalog}, a snapshot that the {@code CatalogKeeper}
 * replaces when {@code index.json} changes. The {@code CatalogReader} makes it: {@code index.json}, then each image through
 * the {@code ImageReader}, then its repositories.
 *
 * @see <a href="https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md">OCI image layout</a>
 */
package io.mirrorregistry.registry.folder;
