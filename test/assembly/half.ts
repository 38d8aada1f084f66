export { narrowHalf, widenHalf } from '../../assembly/half';
