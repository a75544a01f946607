/**
 * Tiles that follow one another along the first side of a grid of tiles before the second moves on (shaders/lib/tile-order).
 * What they share of the second operand is then read from memory once: 8 tiles of pixels share a slice of the weight, which
 * for 512 channels is half a core's second-level cache (a tenth to a third faster there on lavapipe, and no slower where
 * everything fits); 4 tiles of output channels share the channels of x in a weight gradient.
 */
export const BAND = { pixels: 8, channels: 4 } as const;
