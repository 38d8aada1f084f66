/** What a file says of its image before any pixel is decoded. */
export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  /** EXIF's orientation, 1 to 8; 1 is upright. */
  readonly orientation: number;
}
