"""LeNet-5 in Keras 3 on the torch backend, in a process of its own: one epoch for every line it is sent.

    python keras_lenet.py FILE.npz BATCH_SIZE     FILE.npz holds images (count, 1, 28, 28) and labels

Answers ``ready`` once it has loaded, then one line with the mean loss after each epoch.
"""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy


def lenet5() -> keras.Model:
    """The network of `gatefield.models.vision.lenet5` in its default form, for 28 x 28 grey images."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(6, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(16, 5, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(120, activation="relu"),
            keras.layers.Dense(84, activation="relu"),
            keras.layers.Dense(10),
        ]
    )


def main() -> None:
    with numpy.load(sys.argv[1], allow_pickle=False) as arrays:
        images, labels = arrays["images"].transpose(0, 2, 3, 1).copy(), arrays["labels"]
    batch_size = int(sys.argv[2])
    print("ready", flush=True)
    for _ in sys.stdin:
        model = lenet5()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(0.001, epsilon=1e-8), loss=loss)
        history = model.fit(images, labels, batch_size=batch_size, epochs=1, shuffle=True, verbose=0)
        print(history.history["loss"][-1], flush=True)


if __name__ == "__main__":
    main()
