package soak;

import java.util.List;

/** An image whose manifest has got its 201: from then on it has to be there. */
record PushedImage(Item manifest, List<Item> blobs) {
}
