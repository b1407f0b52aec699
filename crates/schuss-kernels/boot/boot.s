# The first sector of a disk: loads what follows it to 64 KiB, enters 64-bit mode with the first gigabyte mapped as it is,
# and jumps there. SECTORS is given by whoever assembles.
    .code16
    .globl _boot
_boot:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7000, %sp
    mov %dl, drive
    mov $SECTORS, %cx
read:
    push %cx
    mov $0x42, %ah
    mov drive, %dl
    mov $packet, %si
    int $0x13
    jc stop
    addw $32, packet_segment
    incl packet_sector
    pop %cx
    loop read
    # The BIOS may have let interrupts in.
    cli

    # Page tables at 0x1000: one entry, one entry, 512 pages of 2 MiB.
    mov $0x1000, %di
    mov $0x3000, %cx
    xor %ax, %ax
    rep stosb
    movl $0x2003, 0x1000
    movl $0x3003, 0x2000
    mov $0x3000, %di
    mov $0x83, %eax
    mov $512, %cx
page:
    mov %eax, (%di)
    add $0x200000, %eax
    add $8, %di
    loop page

    lgdt table
    # Bits: PAE, OSFXSR, OSXMMEXCPT, OSXSAVE.
    mov $0x40620, %eax
    mov %eax, %cr4
    mov $0x1000, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    and $0xfffffffb, %eax
    or $0x80000003, %eax
    mov %eax, %cr0
    ljmp $8, $long
stop:
    hlt
    jmp stop

    .code64
long:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x9f000, %rsp
    mov $0x10000, %rax
    call *%rax
1:  hlt
    jmp 1b

drive: .byte 0
    .balign 4
packet:
    .byte 16, 0
    .word 1, 0
packet_segment: .word 0x1000
packet_sector: .long 1, 0
    .balign 8
entries:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
table:
    .word 23
    .long entries
    .org 510
    .word 0xaa55
