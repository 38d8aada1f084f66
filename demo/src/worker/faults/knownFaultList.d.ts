declare module 'virtual:known-faults' {
  const list: readonly import('./known.js').KnownFault[];
  export default list;
}
