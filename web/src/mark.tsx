/** The signal fire on its hill; the same drawing as favicon.svg. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <path class="hill" d="M3 29 11 18h10l8 11z" />
    <path
      class="flame"
      d="M16 2c1.500 4 6 6 6 11a6 6 0 0 1-12 0c0-2 1-3.500 2-4.500.2 1.700 1 2.500 1.800 2.700C13.500 7.500 14.500 4.500 16 2z"
    />
    <path class="core" d="M16 10c.8 2 2.700 2.900 2.700 5.200a2.700 2.700 0 0 1-5.400 0c0-1.900 1.900-2.900 2.700-5.200z" />
  </svg>
);
