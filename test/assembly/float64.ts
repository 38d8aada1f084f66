export { exp64, log64 } from '../../assembly/float64';
