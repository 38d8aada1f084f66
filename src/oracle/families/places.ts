import type { Axes, Place } from '../place.js';
import { featurePlaces } from './featurePlaces.js';
import { headPlaces } from './headPlaces.js';
import { layoutPlaces } from './layoutPlaces.js';
import { rowPlaces } from './rowPlaces.js';
import { stridePlaces } from './stridePlaces.js';
import { windowPlaces } from './windowPlaces.js';

/** Every wrong place that a kernel may read a tensor of these sizes at, the likelier first. */
export function places(axes: Axes, nW: number): Place[] {
  return [
    ...windowPlaces(axes, nW),
    ...headPlaces(axes),
    ...rowPlaces(axes),
    ...featurePlaces(axes),
    ...stridePlaces(axes),
    ...layoutPlaces(axes),
  ];
}
